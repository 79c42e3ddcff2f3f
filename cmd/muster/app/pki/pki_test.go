// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/util/cert"
)

var (
	loopback = net.IPv4(127, 0, 0, 1)
	today    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func parseOne(t *testing.T, pem []byte) *x509.Certificate {
	t.Helper()
	parsed, err := cert.ParseCertsPEM(pem)
	require.NoError(t, err)
	require.Len(t, parsed, 1)
	return parsed[0]
}

// requireServes checks that certs can be used for a server at address and for
// its administrator, from now until a year later.
func requireServes(t *testing.T, certs *Certificates, address string, now time.Time) {
	t.Helper()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(certs.Authority))
	server, admin := parseOne(t, certs.Server), parseOne(t, certs.Admin)
	for _, at := range []time.Time{now, now.Add(renewBefore)} {
		for _, name := range []string{"127.0.0.1", "::1", "localhost", address} {
			_, err := server.Verify(x509.VerifyOptions{
				Roots: roots, DNSName: name, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			})
			require.NoError(t, err, "%s at %s", name, at)
		}
		_, err := admin.Verify(x509.VerifyOptions{
			Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		require.NoError(t, err, at)
	}
	require.Equal(t, "muster-admin", admin.Subject.CommonName)
	require.Equal(t, []string{"system:masters"}, admin.Subject.Organization)
	require.Empty(t, server.Subject.Organization, "the server's certificate opens nothing")
}

func TestCertificatesAreMadeOnceAndRenewedWhenTheyMustBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// between happens after the first load, and before the second at the address
		// and time given.
		between               func(t *testing.T, dir string)
		address               net.IP
		later                 time.Duration
		sameServer, sameAdmin bool
	}{
		"nothing has changed":      {address: loopback, sameServer: true, sameAdmin: true},
		"a month has passed":       {address: loopback, later: 30 * 24 * time.Hour, sameServer: true, sameAdmin: true},
		"less than a year is left": {address: loopback, later: leafLifetime - renewBefore + time.Minute},
		"they are long dead":       {address: loopback, later: 2 * leafLifetime},
		"the address is another":   {address: net.ParseIP("192.0.2.7"), sameAdmin: true},
		"the address is now any":   {address: net.IPv4zero, sameServer: true, sameAdmin: true},
		"the server's key is gone": {
			between: func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "server.key"))) },
			address: loopback, sameAdmin: true,
		},
		"the administrator's certificate is garbage": {
			between: func(t *testing.T, dir string) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "admin.crt"), []byte("garbage"), 0o600))
			},
			address: loopback, sameServer: true,
		},
		"the administrator's certificate is the server's": {
			between: func(t *testing.T, dir string) {
				for _, ending := range []string{".crt", ".key"} {
					content, err := os.ReadFile(filepath.Join(dir, "server"+ending))
					require.NoError(t, err)
					require.NoError(t, os.WriteFile(filepath.Join(dir, "admin"+ending), content, 0o600))
				}
			},
			address: loopback, sameServer: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "pki")
			first, err := Load(dir, loopback, today)
			require.NoError(t, err)
			requireServes(t, first, "127.0.0.1", today)
			if c.between != nil {
				c.between(t, dir)
			}
			now := today.Add(c.later)
			second, err := Load(dir, c.address, now)
			require.NoError(t, err)
			address := c.address.String()
			if c.address.IsUnspecified() {
				address = "localhost"
			}
			requireServes(t, second, address, now)
			require.Equal(t, string(first.Authority), string(second.Authority), "clients trust the authority, so it stays")
			require.Equal(t, c.sameServer, string(first.Server) == string(second.Server))
			require.Equal(t, c.sameServer, string(first.ServerKey) == string(second.ServerKey))
			require.Equal(t, c.sameAdmin, string(first.Admin) == string(second.Admin))
			require.Equal(t, c.sameAdmin, string(first.AdminKey) == string(second.AdminKey))
			requireSecret(t, dir)
		})
	}
}

// requireSecret checks that only the owner can read what is below dir.
func requireSecret(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		}
		require.Equal(t, want, info.Mode().Perm(), path)
		return nil
	}))
}

func TestKeysAreECDSAOnP256(t *testing.T) {
	t.Parallel()
	certs, err := Load(t.TempDir(), loopback, today)
	require.NoError(t, err)
	for _, pem := range [][]byte{certs.Authority, certs.Server, certs.Admin} {
		key, ok := parseOne(t, pem).PublicKey.(*ecdsa.PublicKey)
		require.True(t, ok)
		require.Equal(t, elliptic.P256(), key.Curve)
	}
}

func TestABrokenAuthorityIsReportedAndNotReplaced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		later  time.Duration
		says   string
	}{
		"its key is gone": {
			damage: func(t *testing.T, dir string) { require.NoError(t, os.Remove(filepath.Join(dir, "ca.key"))) },
			says:   "no such file or directory",
		},
		"its key is another's": {
			damage: func(t *testing.T, dir string) {
				content, err := os.ReadFile(filepath.Join(dir, "admin.key"))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.key"), content, 0o600))
			},
			says: "ca.key is not the key of ca.crt",
		},
		"its certificate is garbage": {
			damage: func(t *testing.T, dir string) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.crt"), []byte("garbage"), 0o600))
			},
			says: "ca.crt",
		},
		"it ends before the next start may come": {
			damage: func(*testing.T, string) {},
			later:  authorityLifetime - time.Hour,
			says:   "is not usable until",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "pki")
			_, err := Load(dir, loopback, today)
			require.NoError(t, err)
			c.damage(t, dir)
			before, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
			require.NoError(t, err)
			_, err = Load(dir, loopback, today.Add(c.later))
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "remove "+dir+" to make a new one")
			after, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
			require.NoError(t, err)
			require.Equal(t, string(before), string(after))
		})
	}
}

func TestAnAuthorityThatWasNeverFinishedIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ca.key"), []byte("half a k"), 0o600))
	certs, err := Load(dir, loopback, today)
	require.NoError(t, err)
	requireServes(t, certs, "127.0.0.1", today)
}
