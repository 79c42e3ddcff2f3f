// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"net/http"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
)

// Endpoint is the address of Muster without the aggregation layer: as a Pod in the cluster
// would reach it, with a certificate that is verified.
type Endpoint struct {
	// URL is the server's URL.
	URL string

	ca []byte
}

// Direct sends a client's requests directly to the server.
func (e Endpoint) Direct(config *rest.Config) *rest.Config {
	out := rest.CopyConfig(config)
	out.Host, out.CAData, out.ServerName = e.URL, e.ca, ServerName+"."+Namespace+".svc"
	return out
}

// With shows a client certificate to the server.
func (e Endpoint) With(pair KeyPair) *rest.Config {
	return e.Direct(&rest.Config{QPS: -1, TLSClientConfig: rest.TLSClientConfig{CertData: pair.Certificate, KeyData: pair.Key}})
}

// Proxied shows a client certificate and claims, as the aggregation layer does, that the
// request comes from another user.
func (e Endpoint) Proxied(pair KeyPair, user string, groups []string, extra map[string][]string) *rest.Config {
	return e.Claiming(e.With(pair), user, groups, extra)
}

// Claiming adds the aggregation layer's headers to a client's requests.
func (e Endpoint) Claiming(config *rest.Config, user string, groups []string, extra map[string][]string) *rest.Config {
	out := e.Direct(config)
	out.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return transport.NewAuthProxyRoundTripper(user, "", groups, extra, next)
	})
	return out
}
