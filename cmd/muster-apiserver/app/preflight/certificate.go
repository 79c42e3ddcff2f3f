// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/client-go/util/cert"
)

// renewBefore is the time before its end in which a certificate is worth a warning.
const renewBefore = 30 * 24 * time.Hour

// certificate holds a certificate with those that its server sends along.
type certificate struct {
	leaf  *x509.Certificate
	chain []*x509.Certificate
}

// parsePair returns the certificate of a PEM-encoded pair. The key must be the
// certificate's.
func parsePair(certificatePEM, keyPEM []byte) (*certificate, error) {
	if _, err := tls.X509KeyPair(certificatePEM, keyPEM); err != nil {
		return nil, fmt.Errorf("%s and %s are not a certificate and its key: %w", certificateKey, privateKey, err)
	}
	all, err := cert.ParseCertsPEM(certificatePEM)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certificateKey, err)
	}
	return &certificate{leaf: all[0], chain: all[1:]}, nil
}

// checkTime returns an error if a certificate is not valid at a time, and a warning if it
// ends soon after.
func checkTime(c *x509.Certificate, now time.Time) (warning string, err error) {
	switch end := c.NotAfter.UTC().Format(time.DateTime); {
	case now.Before(c.NotBefore):
		return "", fmt.Errorf("it is not valid before %s UTC", c.NotBefore.UTC().Format(time.DateTime))
	case now.After(c.NotAfter):
		return "", fmt.Errorf("it expired at %s UTC", end)
	case now.Add(renewBefore).After(c.NotAfter):
		return fmt.Sprintf("it expires in %d days, at %s UTC", int(c.NotAfter.Sub(now).Hours()/24), end), nil
	}
	return "", nil
}

// checkUsage returns an error if the certificate is not for a usage.
func (c *certificate) checkUsage(usage x509.ExtKeyUsage, name string) error {
	if len(c.leaf.ExtKeyUsage) == 0 || slices.Contains(c.leaf.ExtKeyUsage, usage) || slices.Contains(c.leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return nil
	}
	return fmt.Errorf("it is not signed for the usage %s", name)
}

// checkSigner returns an error unless one of the authorities, PEM-encoded, vouches for the
// certificate. checkTime reports the certificate's own end; here it is as if that were
// later, so that the error is about the authorities.
func (c *certificate) checkSigner(authorities []byte, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authorities) {
		return errors.New("no certificate is in it")
	}
	for _, each := range c.chain {
		between.AddCert(each)
	}
	if now.After(c.leaf.NotAfter) {
		now = c.leaf.NotAfter
	}
	if now.Before(c.leaf.NotBefore) {
		now = c.leaf.NotBefore
	}
	_, err := c.leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: now})
	return err
}
