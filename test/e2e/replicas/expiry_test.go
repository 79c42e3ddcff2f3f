// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// ending returns a pair that is valid until a time.
func ending(ca *cluster.CA, usage x509.ExtKeyUsage, end time.Time) cluster.KeyPair {
	return ca.Sign(func(c *x509.Certificate) {
		c.Subject.CommonName = "root"
		c.DNSNames = []string{"localhost"}
		c.ExtKeyUsage = []x509.ExtKeyUsage{usage}
		c.NotBefore, c.NotAfter = end.Add(-365*24*time.Hour), end
	})
}

// mounted sets the certificate in a Secret that a replica mounts.
func mounted(t *testing.T, m *cluster.Muster, secret string, pair cluster.KeyPair) {
	t.Helper()
	m.SetSecret(t, secret, map[string][]byte{"tls.crt": pair.Certificate, "tls.key": pair.Key})
	m.SyncVolumes(t)
}

const (
	ofEtcd    = "muster-etcd-client"
	ofServing = "muster-apiserver-tls"
)

// testExpiry lets the certificates of a replica expire, and then renews them.
func testExpiry(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd) {
	r := m.Replicas()[0]
	logs := func(p *cluster.Process, level string, parts ...string) {
		t.Helper()
		require.Eventually(t, func() bool {
		lines:
			for line := range strings.Lines(p.Log()) {
				if !strings.HasPrefix(line, level) {
					continue
				}
				for _, part := range parts {
					if !strings.Contains(line, part) {
						continue lines
					}
				}
				return true
			}
			return false
		}, within, pace, "%s has no line at level %s with %q; %s", p.Name, level, parts, p.Tail())
	}
	readyz := func() string {
		t.Helper()
		a, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, "/readyz?verbose", "")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.status, a.body)
		return a.body
	}
	left := func(certificate string) float64 {
		t.Helper()
		return metric(t, r.Direct(control.Config), `muster_certificate_expiration_timestamp_seconds{certificate="`+certificate+`"}`) - float64(time.Now().Unix())
	}
	scrapeWith(t, r.Direct(control.Config), `{certificate="front-proxy-ca"}`) // it comes from kube-apiserver
	for _, certificate := range []string{"serving", "etcd-client", "etcd-ca", "front-proxy-ca"} {
		require.Positive(t, left(certificate), certificate)
	}

	// The files say what is wrong while all connections continue.
	soon, over := time.Now().Add(20*24*time.Hour), time.Now().Add(-time.Minute)
	mounted(t, m, ofEtcd, ending(etcd.CA, x509.ExtKeyUsageClientAuth, soon))
	logs(r.Process, "W", `"etcd-client"`, "19 days", "--etcd-certfile ")
	require.Contains(t, readyz(), "[+]certificates (")
	require.Contains(t, readyz(), "etcd-client expires "+soon.UTC().Format(time.RFC3339))
	require.InDelta(t, time.Until(soon).Seconds(), left("etcd-client"), 60)
	mounted(t, m, ofEtcd, ending(etcd.CA, x509.ExtKeyUsageClientAuth, over))
	logs(r.Process, "E", `"etcd-client"`, "--etcd-certfile ", "tls.crt", "it expired at")
	require.Negative(t, left("etcd-client"))
	require.Contains(t, readyz(), "etcd-client is not valid")
	mounted(t, m, ofServing, ending(m.CA, x509.ExtKeyUsageServerAuth, over))
	logs(r.Process, "E", `"serving"`, "--tls-cert-file ", "tls.crt", "it expired at")

	// New processes say it at once, and wait for a renewal.
	late := m.Add(t)
	certificate, key := ending(etcd.CA, x509.ExtKeyUsageClientAuth, over).Write(t, t.TempDir(), "expired")
	controller := control.Controller(t, etcd, "expired-controller", "--etcd-certfile="+certificate, "--etcd-keyfile="+key)
	require.NoError(t, controller.Start())
	logs(late.Process, "E", "Waiting for etcd", "--etcd-certfile ", "tls.crt", "it expired at")
	logs(late.Process, "E", `"serving"`, "--tls-cert-file ", "it expired at")
	logs(controller, "E", "Waiting for etcd", "--etcd-certfile "+certificate, "it expired at")
	require.False(t, late.Ready())
	require.True(t, r.Ready(), "it has connections")

	mounted(t, m, ofServing, m.ServingCertificate())
	renewed := etcd.CA.Client("root")
	mounted(t, m, ofEtcd, renewed)
	for path, content := range map[string][]byte{certificate: renewed.Certificate, key: renewed.Key} {
		require.NoError(t, os.WriteFile(filepath.Clean(path), content, 0o600))
	}
	logs(controller, "I", "Muster's controllers start")
	late.WaitReady(t)
	require.Eventually(t, func() bool { // the serving certificate is read again, too
		a, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, "/readyz?verbose", "")
		return err == nil && strings.Contains(a.body, "[+]certificates ") && !strings.Contains(a.body, "is not valid")
	}, within, pace, "the new certificates are not used")
	m.Remove(t, late)
}
