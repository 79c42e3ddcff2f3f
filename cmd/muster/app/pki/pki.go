// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"

	"github.com/musterfleet/muster/cmd/muster/app/datadir"
)

const (
	authorityLifetime = 20 * 365 * 24 * time.Hour
	leafLifetime      = 3 * 365 * 24 * time.Hour
	// renewBefore is the least time that every certificate is valid for after a start.
	// Only a start renews certificates, so a process may run that long.
	renewBefore = 365 * 24 * time.Hour
	// clockSkew bounds how far a client's clock may be behind ours.
	clockSkew = 5 * time.Minute

	adminName = "muster-admin"
)

// Certificates are the files in DATA-DIR/pki that a start needs, as PEM.
type Certificates struct {
	Authority         []byte
	Server, ServerKey []byte
	Admin, AdminKey   []byte
}

// keyPair is a certificate with its private key.
type keyPair struct {
	certificate *x509.Certificate
	key         crypto.Signer
	certPEM     []byte
	keyPEM      []byte
}

// Load reads the certificates in dir, and issues those that are missing, near their end or
// not valid for the address. It never replaces a broken authority, because kubeconfig
// files of the old one would stop working: that is an error.
func Load(dir string, address net.IP, now time.Time) (*Certificates, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, datadir.Unusable(dir, err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, datadir.Unusable(dir, err)
	}
	authority, err := loadAuthority(dir, now)
	if err != nil {
		return nil, err
	}
	ips := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	if !address.IsUnspecified() && !slices.ContainsFunc(ips, address.Equal) {
		ips = append(ips, address)
	}
	server, err := loadLeaf(dir, "server", authority, &x509.Certificate{
		Subject:     pkix.Name{CommonName: "muster"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost"},
		IPAddresses: ips,
	}, now)
	if err != nil {
		return nil, err
	}
	admin, err := loadLeaf(dir, "admin", authority, &x509.Certificate{
		Subject:     pkix.Name{CommonName: adminName, Organization: []string{user.SystemPrivilegedGroup}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, now)
	if err != nil {
		return nil, err
	}
	return &Certificates{
		Authority: authority.certPEM,
		Server:    server.certPEM, ServerKey: server.keyPEM,
		Admin: admin.certPEM, AdminKey: admin.keyPEM,
	}, nil
}

// loadAuthority reads the certificate authority, or makes one if dir has none. The
// certificate is written last: while it is missing no client can trust the authority, so
// the start after one that was killed half-way makes a new one.
func loadAuthority(dir string, now time.Time) (*keyPair, error) {
	pair, err := readPair(dir, "ca")
	switch {
	case errors.Is(err, errNoCertificate):
		return issue(dir, "ca", &x509.Certificate{
			Subject:               pkix.Name{CommonName: fmt.Sprintf("muster-ca@%d", now.Unix())},
			NotAfter:              now.Add(authorityLifetime),
			IsCA:                  true,
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		}, nil, now)
	case err != nil:
		return nil, fmt.Errorf("certificate authority %s: %w (restore it, or remove %s to make a new one; kubeconfig files of the old one then stop working)",
			filepath.Join(dir, "ca.crt"), err, dir)
	case !pair.certificate.IsCA, now.Add(renewBefore).After(pair.certificate.NotAfter):
		return nil, fmt.Errorf("certificate authority %s is not usable until %s: remove %s to make a new one; kubeconfig files of the old one then stop working",
			filepath.Join(dir, "ca.crt"), now.Add(renewBefore).Format(time.DateOnly), dir)
	}
	return pair, nil
}

// loadLeaf reads the certificate called name, and issues a new one if it differs from what
// want asks for. Leaves carry no state, so replacing one does no harm.
func loadLeaf(dir, name string, authority *keyPair, want *x509.Certificate, now time.Time) (*keyPair, error) {
	pair, err := readPair(dir, name)
	if err == nil && fits(pair.certificate, want, authority, now) {
		return pair, nil
	}
	want.NotAfter = now.Add(leafLifetime)
	if end := authority.certificate.NotAfter; want.NotAfter.After(end) {
		want.NotAfter = end
	}
	want.KeyUsage = x509.KeyUsageDigitalSignature
	return issue(dir, name, want, authority, now)
}

// fits reports whether have may serve as want until the next start.
func fits(have, want *x509.Certificate, authority *keyPair, now time.Time) bool {
	roots := x509.NewCertPool()
	roots.AddCert(authority.certificate)
	_, err := have.Verify(x509.VerifyOptions{
		Roots:       roots,
		CurrentTime: now.Add(renewBefore),
		KeyUsages:   want.ExtKeyUsage,
	})
	return err == nil &&
		have.NotBefore.Before(now.Add(clockSkew)) &&
		have.Subject.CommonName == want.Subject.CommonName &&
		slices.Equal(have.Subject.Organization, want.Subject.Organization) &&
		slices.Equal(have.DNSNames, want.DNSNames) &&
		slices.EqualFunc(have.IPAddresses, want.IPAddresses, net.IP.Equal)
}

// issue signs template with the authority, or with its own key if that is nil. It writes
// the key, then the certificate.
func issue(dir, name string, template *x509.Certificate, authority *keyPair, now time.Time) (*keyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	template.NotBefore = now.Add(-clockSkew)
	parent, signer := template, crypto.Signer(key)
	if authority != nil {
		parent, signer = authority.certificate, authority.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	keyPEM, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, err
	}
	certPEM, err := cert.EncodeCertificates(certificate)
	if err != nil {
		return nil, err
	}
	if err := datadir.WriteFile(filepath.Join(dir, name+".key"), keyPEM); err != nil {
		return nil, datadir.Unusable(dir, err)
	}
	if err := datadir.WriteFile(filepath.Join(dir, name+".crt"), certPEM); err != nil {
		return nil, datadir.Unusable(dir, err)
	}
	return &keyPair{certificate: certificate, key: key, certPEM: certPEM, keyPEM: keyPEM}, nil
}

// errNoCertificate means that the certificate file does not exist.
var errNoCertificate = errors.New("no certificate")

func readPair(dir, name string) (*keyPair, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, name+".crt"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoCertificate
	}
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, name+".key"))
	if err != nil {
		return nil, err
	}
	parsed, err := cert.ParseCertsPEM(certPEM)
	if err != nil {
		return nil, err
	}
	private, err := keyutil.ParsePrivateKeyPEM(keyPEM)
	if err != nil {
		return nil, err
	}
	key, ok := private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s.key is not an ECDSA key", name)
	}
	if !key.PublicKey.Equal(parsed[0].PublicKey) {
		return nil, fmt.Errorf("%s.key is not the key of %s.crt", name, name)
	}
	return &keyPair{certificate: parsed[0], key: key, certPEM: certPEM, keyPEM: keyPEM}, nil
}
