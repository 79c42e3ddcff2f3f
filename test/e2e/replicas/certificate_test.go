// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"crypto/tls"
	"math/big"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// setSecret replaces the data of one of Muster's Secrets.
func setSecret(t *testing.T, name string, data map[string][]byte) {
	t.Helper()
	secret, err := control.Client.CoreV1().Secrets(cluster.Namespace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	for key, content := range data {
		secret.Data[key] = content
	}
	_, err = control.Client.CoreV1().Secrets(cluster.Namespace).Update(t.Context(), secret, metav1.UpdateOptions{})
	require.NoError(t, err)
}

// served returns the serial number of the certificate that a replica serves.
func served(ctx context.Context, r *cluster.Replica) (*big.Int, error) {
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // only looked at
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(r.URL, "https://"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber, nil
}

func testCertificates(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd) {
	pids := map[string]int{}
	for _, r := range m.Replicas() {
		pids[r.Name] = r.Process.PID()
	}

	renewed := m.CA.Serving(cluster.ServerName, cluster.ServerName+"."+cluster.Namespace+".svc")
	setSecret(t, "muster-apiserver-tls", map[string][]byte{"tls.crt": renewed.Certificate, "tls.key": renewed.Key})
	m.SyncVolumes(t)
	for _, r := range m.Replicas() {
		require.Eventually(t, func() bool {
			serial, err := served(t.Context(), r)
			return err == nil && serial.Cmp(renewed.TLS().Leaf.SerialNumber) == 0
		}, within, pace, "%s continues with its old certificate", r.Name)
	}

	// With files that etcd does not accept, a replica loses etcd as soon as it has to
	// connect: that shows that it reads the files again.
	good := map[string][]byte{"tls.crt": readFile(t, etcd.CertFile), "tls.key": readFile(t, etcd.KeyFile)}
	foreign := control.ForeignCA.Client("root")
	setSecret(t, "muster-etcd-client", map[string][]byte{"tls.crt": foreign.Certificate, "tls.key": foreign.Key})
	defer setSecret(t, "muster-etcd-client", good)
	m.SyncVolumes(t)
	reconnect := func() {
		for _, r := range m.Replicas() {
			for _, proxy := range r.Etcd {
				proxy.Cut()
			}
			r.Mend()
		}
	}
	reconnect()
	for _, r := range m.Replicas() {
		waitLost(t, r, within)
		a, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, groupPath, "")
		require.NoError(t, err)
		t.Logf("with a certificate that etcd does not accept: %s", a.body)
	}
	pair := etcd.CA.Client("root")
	setSecret(t, "muster-etcd-client", map[string][]byte{"tls.crt": pair.Certificate, "tls.key": pair.Key})
	m.SyncVolumes(t)
	m.WaitReady(t)
	reconnect()
	c := clientset(t, m.Direct(control.Config))
	_, err := c.FleetV1alpha1().Bundles("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, r := range m.Replicas() {
		require.Equal(t, pids[r.Name], r.Process.PID(), "%s was restarted", r.Name)
		require.True(t, r.Process.Running())
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}
