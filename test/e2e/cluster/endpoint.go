// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
)

// Endpoint is the address of Muster without the aggregation layer, as a Pod in the cluster
// would reach it, with a certificate that is verified.
type Endpoint struct {
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

// Unshared returns a configuration with a connection of its own: client-go shares one
// between configurations with the same Dial.
func Unshared(config *rest.Config) *rest.Config {
	out := rest.CopyConfig(config)
	out.Dial = (&net.Dialer{}).DialContext
	return out
}

// ServedCertificate returns the certificate that a server shows, or an error if no server
// speaks TLS at the address within a second.
func ServedCertificate(ctx context.Context, address string) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it is only looked at
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}
