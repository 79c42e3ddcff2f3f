// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"
)

// year is the life of a certificate: long enough that no alert of an expiry concerns it.
const year = 365 * 24 * time.Hour

// CA is a certificate authority.
type CA struct {
	// PEM is the authority's certificate.
	PEM []byte

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// KeyPair is a certificate and its key, PEM-encoded.
type KeyPair struct {
	Certificate, Key []byte
}

// NewCA returns a new certificate authority.
func NewCA(name string) *CA {
	key := newKey()
	template := validFor(10 * year)
	template.Subject = pkix.Name{CommonName: name}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(err)
	certificate, err := x509.ParseCertificate(der)
	check(err)
	return &CA{PEM: encode("CERTIFICATE", der), certificate: certificate, key: key}
}

// Sign returns a certificate, whose template change may alter in any way.
func (ca *CA) Sign(change func(template *x509.Certificate)) KeyPair {
	key := newKey()
	template := validFor(year)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	check(err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	check(err)
	return KeyPair{Certificate: encode("CERTIFICATE", der), Key: encode("EC PRIVATE KEY", keyDER)}
}

// Client returns a certificate of a user, in the form of Kubernetes.
func (ca *CA) Client(user string, groups ...string) KeyPair {
	return ca.Sign(func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: user, Organization: groups}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
}

// Serving returns a certificate of a server at localhost and 127.0.0.1, with more names.
func (ca *CA) Serving(names ...string) KeyPair {
	return ca.Sign(func(c *x509.Certificate) {
		serving(c, names)
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
}

// peer returns a certificate of a server that is also a client, as etcd's members are.
func (ca *CA) peer() KeyPair {
	return ca.Sign(func(c *x509.Certificate) {
		serving(c, []string{"etcd"})
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	})
}

func serving(c *x509.Certificate, names []string) {
	c.DNSNames = append([]string{"localhost"}, names...)
	c.Subject = pkix.Name{CommonName: c.DNSNames[len(c.DNSNames)-1]}
	c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
}

// TLS returns the pair in the form of Go's TLS.
func (k KeyPair) TLS() tls.Certificate {
	pair, err := tls.X509KeyPair(k.Certificate, k.Key)
	check(err)
	return pair
}

// Write writes NAME.crt and NAME.key.
func (k KeyPair) Write(t T, dir, name string) (certificate, key string) {
	t.Helper()
	return write(t, dir, name+".crt", k.Certificate), write(t, dir, name+".key", k.Key)
}

func write(t T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	return key
}

func validFor(d time.Duration) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	check(err)
	now := time.Now()
	return &x509.Certificate{SerialNumber: serial, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(d)}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// check panics: our own certificates fail only by a mistake here.
func check(err error) {
	if err != nil {
		panic(err)
	}
}
