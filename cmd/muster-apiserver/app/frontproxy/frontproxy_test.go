// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package frontproxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/util/cert"
)

// signer is an authority: its certificate, as PEM, and its key.
type signer struct {
	bundle      []byte
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// authority is signed by another, or by itself.
func authority(t *testing.T, name string, by *signer) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s := &signer{key: key}
	s.certificate, err = cert.NewSelfSignedCACert(cert.Config{CommonName: name}, key)
	require.NoError(t, err)
	if by != nil {
		signed, err := x509.CreateCertificate(rand.Reader, s.certificate, by.certificate, &key.PublicKey, by.key)
		require.NoError(t, err)
		s.certificate, err = x509.ParseCertificate(signed)
		require.NoError(t, err)
	}
	s.bundle, err = cert.EncodeCertificates(s.certificate)
	require.NoError(t, err)
	return s
}

// renewed is another certificate of the same authority.
func (s *signer) renewed(t *testing.T) []byte {
	t.Helper()
	again, err := cert.NewSelfSignedCACert(cert.Config{CommonName: s.certificate.Subject.CommonName}, s.key)
	require.NoError(t, err)
	encoded, err := cert.EncodeCertificates(again)
	require.NoError(t, err)
	return encoded
}

func TestACASharedByUsersAndTheFrontProxyIsDetected(t *testing.T) {
	t.Parallel()
	users, proxy := authority(t, "users", nil), authority(t, "proxy", nil)
	below, root := authority(t, "below", proxy), authority(t, "root", nil)
	for _, c := range []struct {
		name              string
		frontProxy, users []byte
		want              bool
	}{
		{"two authorities", proxy.bundle, users.bundle, false},
		{"two certificates of one of them", proxy.bundle, slices.Concat(users.bundle, users.renewed(t)), false},
		{"the users' among the front proxy's", slices.Concat(proxy.bundle, users.bundle), users.bundle, true},
		{"one for both", users.bundle, users.bundle, true},
		{"one for both, renewed for one of them", users.renewed(t), users.bundle, true},
		{"the users' is below the front proxy's", proxy.bundle, below.bundle, true},
		{"the users' is below the front proxy's, which was renewed", proxy.renewed(t), slices.Concat(users.bundle, below.bundle), true},
		{"both are below a third, which neither trusts", authority(t, "a", root).bundle, authority(t, "b", root).bundle, false},
		{"no authority for users: no certificate is a user's", proxy.bundle, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, trusts(c.frontProxy, c.users))
		})
	}
}
