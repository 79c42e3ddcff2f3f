// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/test/flakyproxy"
)

func TestErrorsOfTheClientNameItsFlags(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	there := filepath.Join(dir, "there.pem")
	require.NoError(t, os.WriteFile(there, []byte("no certificate"), 0o600))
	missing := filepath.Join(dir, "missing.pem")
	secure, plain := []string{"https://a:2379"}, []string{"http://a:2379"}
	for name, c := range map[string]struct {
		config etcd.ClientConfig
		says   []string
	}{
		"no server":                                {etcd.ClientConfig{}, []string{"--etcd-servers is missing", "https://"}},
		"a server without a scheme":                {etcd.ClientConfig{Servers: []string{"etcd.example:2379"}}, []string{"--etcd-servers", "etcd.example:2379", "must begin with https://"}},
		"a server that is not a URL":               {etcd.ClientConfig{Servers: []string{"https://a b:2379"}}, []string{"--etcd-servers", "is not a URL"}},
		"another scheme":                           {etcd.ClientConfig{Servers: []string{"unix:///run/etcd"}}, []string{"--etcd-servers", "must begin with https://"}},
		"a server with a path":                     {etcd.ClientConfig{Servers: []string{"https://a:2379/v3"}}, []string{"--etcd-servers", "https://HOST:PORT and nothing else"}},
		"a server with a password":                 {etcd.ClientConfig{Servers: []string{"https://u:secret@a:2379"}}, []string{"--etcd-servers", "nothing else"}},
		"a database's address":                     {etcd.ClientConfig{Servers: []string{"mysql://root:secret@tcp(db:3306)/kine"}}, []string{"--etcd-servers", "is not a URL", "@tcp(db:3306)/kine"}},
		"one without a scheme":                     {etcd.ClientConfig{Servers: []string{"root:secret@tcp(db:3306)/kine"}}, []string{"--etcd-servers", "must begin with https://"}},
		"a server without a port":                  {etcd.ClientConfig{Servers: []string{"https://a"}}, []string{"--etcd-servers", "has no port", "2379"}},
		"an empty server":                          {etcd.ClientConfig{Servers: []string{"https://a:2379", ""}}, []string{"--etcd-servers", `""`}},
		"some servers without TLS":                 {etcd.ClientConfig{Servers: []string{"https://a:2379", "http://b:2379"}}, []string{"--etcd-servers", "http://b:2379", "for all of them, or for none"}},
		"a certificate without TLS":                {etcd.ClientConfig{Servers: plain, CertFile: there, KeyFile: there}, []string{"--etcd-certfile", "does not use TLS"}},
		"an authority without TLS":                 {etcd.ClientConfig{Servers: plain, CAFile: there}, []string{"--etcd-cafile", "does not use TLS"}},
		"a certificate without a key":              {etcd.ClientConfig{Servers: secure, CertFile: there}, []string{"--etcd-certfile", "without --etcd-keyfile"}},
		"a key without a certificate":              {etcd.ClientConfig{Servers: secure, KeyFile: there}, []string{"--etcd-keyfile", "without --etcd-certfile"}},
		"an authority file that does not exist":    {etcd.ClientConfig{Servers: secure, CAFile: missing}, []string{"--etcd-cafile", missing}},
		"a key file that does not exist":           {etcd.ClientConfig{Servers: secure, CertFile: there, KeyFile: missing}, []string{"--etcd-keyfile", missing}},
		"an authority file without a certificate":  {etcd.ClientConfig{Servers: secure, CAFile: there}, []string{"--etcd-cafile", there}},
		"a certificate file without a certificate": {etcd.ClientConfig{Servers: secure, CertFile: there, KeyFile: there}, []string{"--etcd-certfile", there}},
	} {
		_, err := etcd.Connect(c.config)
		require.Error(t, err, name)
		for _, says := range c.says {
			require.ErrorContains(t, err, says, name)
		}
		require.NotContains(t, err.Error(), "secret", "%s: an error does not show the password", name)
	}
}

func TestTLSWithoutAnAuthorityTrustsTheSystems(t *testing.T) {
	t.Parallel()
	client, err := etcd.Connect(etcd.ClientConfig{Servers: []string{"https://127.0.0.1:2379", "https://127.0.0.2:2379/"}})
	require.NoError(t, err)
	require.NoError(t, client.Close())
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func template(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

func newAuthority(t *testing.T, file string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	own := template("authority", 1)
	own.IsCA = true
	der, err := x509.CreateCertificate(rand.Reader, own, own, &key.PublicKey, key)
	require.NoError(t, err)
	writePEM(t, file, "CERTIFICATE", der)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{parsed, key}
}

func (a *authority) sign(t *testing.T, certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template("muster", 2), a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	writePEM(t, certFile, "CERTIFICATE", der)
	der, err = x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	writePEM(t, keyFile, "EC PRIVATE KEY", der)
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

// TestARenewedCertificateIsUsedWithoutARestart breaks the connection, so that the client
// opens another.
func TestARenewedCertificateIsUsedWithoutARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	good, other := newAuthority(t, file("ca.pem")), newAuthority(t, file("other-ca.pem"))
	good.sign(t, file("server.pem"), file("server-key.pem"))
	good.sign(t, file("client.pem"), file("client-key.pem"))
	server := etcdtest.Start(t, func(config *embed.Config) {
		config.ListenClientUrls = []url.URL{{Scheme: "https", Host: "127.0.0.1:0"}}
		config.ClientTLSInfo = transport.TLSInfo{CertFile: file("server.pem"), KeyFile: file("server-key.pem"), TrustedCAFile: file("ca.pem"), ClientCertAuth: true}
	})
	proxy := flakyproxy.Start(t, server.Address())
	config := etcd.ClientConfig{Servers: []string{"https://" + proxy.Address}, CAFile: file("ca.pem"), CertFile: file("client.pem"), KeyFile: file("client-key.pem")}
	client, err := etcd.Connect(config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	ctx, log := withDeadline(t), etcd.New(client, "/muster")
	reads := func() bool {
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := log.Revision(short)
		return err == nil
	}
	reconnect := func() {
		proxy.Cut()
		proxy.Mend()
	}
	require.NoError(t, etcd.Check(ctx, client, "/muster"))

	other.sign(t, file("client.pem"), file("client-key.pem"))
	require.True(t, reads(), "a connection remains open")
	reconnect()
	require.Never(t, reads, 2*time.Second, 100*time.Millisecond, "etcd does not know the authority of the new certificate")
	// The client sees either etcd's refusal or the end of the connection first.
	require.Eventually(t, func() bool {
		err := etcd.Check(ctx, client, "/muster")
		require.Error(t, err)
		require.NotErrorIs(t, err, etcd.ErrUnfit)
		return strings.Contains(err.Error(), "tls: ")
	}, deadline, 100*time.Millisecond)

	good.sign(t, file("client.pem"), file("client-key.pem"))
	require.Eventually(t, reads, deadline, 100*time.Millisecond)

	config.CAFile = file("other-ca.pem")
	wrong, err := etcd.Connect(config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = wrong.Close() })
	require.ErrorContains(t, etcd.Check(ctx, wrong, "/muster"), "certificate signed by unknown authority")
}
