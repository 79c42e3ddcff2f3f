// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import "github.com/musterfleet/muster/pkg/certificates"

// certificates returns the certificates that a replica uses. The authorities of users that
// kube-apiserver publishes are not among them: they are kube-apiserver's own.
func (o *Options) certificates(made *setup) []certificates.Certificate {
	out := append(o.Etcd.Certificates(), certificates.File("serving", "--tls-cert-file", o.Serving.ServerCert.CertKey.CertFile))
	if file := o.Authentication.ClientCert.ClientCA; file != "" {
		users := certificates.File("client-ca", "--client-ca-file", file)
		users.Authorities = true
		out = append(out, users)
	}
	if proxy := made.generic.Authentication.RequestHeaderConfig; proxy != nil {
		trusted := proxy.CAContentProvider
		out = append(out, certificates.Certificate{
			Name: "front-proxy-ca", Where: trusted.Name(), Authorities: true,
			Read: func() ([]byte, error) { return trusted.CurrentCABundleContent(), nil },
		})
	}
	return out
}
