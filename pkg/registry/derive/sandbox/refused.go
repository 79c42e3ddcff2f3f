// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
)

// refused are functions that no template can use. Most make keys, certificates and salted
// hashes. Their results cannot be repeated from a seed: the libraries behind them use their
// own randomness, and deliberately an unknown amount of it. Two replicas would show a
// Cluster two different deployments in turn. derivePassword by design takes longer than a
// Budget allows.
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
	all[tooDear] = func(...any) (string, error) {
		return "", errors.New("template function " + tooDear + " is not supported: one call takes longer than all templates of a Bundle may; " +
			"put the value in a Secret and use valuesFrom")
	}
	return all
}()
