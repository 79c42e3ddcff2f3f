// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import "fmt"

// refused are functions that make keys, certificates and salted hashes. Their
// results cannot be repeated from a seed: the libraries behind them take
// randomness of their own and, on purpose, an unknown amount of it. Two replicas
// would give a Cluster two different deployments, in turns.
var refused = func() map[string]any {
	all := map[string]any{}
	for _, name := range []string{
		"bcrypt", "htpasswd", "genPrivateKey",
		"genCA", "genCAWithKey",
		"genSelfSignedCert", "genSelfSignedCertWithKey",
		"genSignedCert", "genSignedCertWithKey",
	} {
		all[name] = func(...any) (string, error) {
			return "", fmt.Errorf("template function %s is not supported: its result would differ from replica to replica; "+
				"put the value in a Secret and use valuesFrom", name)
		}
	}
	return all
}()
