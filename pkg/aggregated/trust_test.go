// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregated

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/util/cert"
)

func authority(t *testing.T, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	certificate, err := cert.NewSelfSignedCACert(cert.Config{CommonName: name}, key)
	require.NoError(t, err)
	encoded, err := cert.EncodeCertificates(certificate)
	require.NoError(t, err)
	return encoded
}

func TestAnAuthorityThatSignsForBothIsSeen(t *testing.T) {
	t.Parallel()
	users, proxy := authority(t, "users"), authority(t, "proxy")
	require.False(t, shared(users, proxy))
	require.False(t, shared(slices.Concat(users, users), proxy))
	require.True(t, shared(users, slices.Concat(proxy, users)))
	require.True(t, shared(users, users))
	require.False(t, shared(nil, proxy), "without an authority for users no certificate is a user's")
}
