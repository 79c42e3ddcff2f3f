// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

func testCertificates(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd) {
	pids := map[string]int{}
	for _, r := range m.Replicas() {
		pids[r.Name] = r.Process.PID()
	}

	renewed := m.ServingCertificate()
	m.SetSecret(t, "muster-apiserver-tls", map[string][]byte{"tls.crt": renewed.Certificate, "tls.key": renewed.Key})
	m.SyncVolumes(t)
	for _, r := range m.Replicas() {
		require.Eventually(t, func() bool {
			served, err := cluster.ServedCertificate(t.Context(), strings.TrimPrefix(r.URL, "https://"))
			return err == nil && served.Equal(renewed.TLS().Leaf)
		}, within, pace, "%s continues with its old certificate", r.Name)
	}

	// A replica loses etcd at its next connection if etcd does not accept its files. That
	// shows that it reads them again.
	cert, err := os.ReadFile(etcd.CertFile)
	require.NoError(t, err)
	key, err := os.ReadFile(etcd.KeyFile)
	require.NoError(t, err)
	foreign := control.ForeignCA.Client("root")
	m.SetSecret(t, "muster-etcd-client", map[string][]byte{"tls.crt": foreign.Certificate, "tls.key": foreign.Key})
	defer m.SetSecret(t, "muster-etcd-client", map[string][]byte{"tls.crt": cert, "tls.key": key})
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
		waitLost(t, r)
		a, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, groupPath, "")
		require.NoError(t, err)
		t.Logf("with a certificate that etcd does not accept: %s", a.body)
	}
	pair := etcd.CA.Client("root")
	m.SetSecret(t, "muster-etcd-client", map[string][]byte{"tls.crt": pair.Certificate, "tls.key": pair.Key})
	m.SyncVolumes(t)
	m.WaitReady(t)
	reconnect()
	c := clientset(t, m.Direct(control.Config))
	_, err = c.FleetV1alpha1().Bundles("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, r := range m.Replicas() {
		require.Equal(t, pids[r.Name], r.Process.PID(), "%s was restarted", r.Name)
		require.True(t, r.Process.Running())
	}
}
