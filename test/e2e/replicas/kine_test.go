// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// refusesStore starts one more muster-apiserver, on another store, and returns why it
// refused; it must never have listened.
func refusesStore(t *testing.T, r *cluster.Replica, servers string) string {
	t.Helper()
	address := cluster.FreeAddress()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	args := append(r.Flags("bind-address", "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig", "tls-cert-file", "tls-private-key-file"),
		"--etcd-servers="+servers, "--secure-port="+port)
	var listened atomic.Bool
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
			}
			if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
				_ = conn.Close()
				listened.Store(true)
			}
		}
	}()
	_, _, err = r.Exec(args...)
	close(done)
	<-watched
	require.Error(t, err, "it runs")
	require.False(t, listened.Load(), "it listened before it refused")
	return err.Error()
}

func testKine(t *testing.T, m *cluster.Muster, _ *cluster.Etcd) {
	address := cluster.FreeAddress()
	kine := cluster.Run(t, "kine", "--endpoint", "sqlite://"+filepath.Join(t.TempDir(), "kine.db"), "--listen-address", "tcp://"+address, "--metrics-bind-address", "0")
	require.Eventually(t, func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, within, pace, kine.Tail)
	said := refusesStore(t, m.Replicas()[0], "http://"+address)
	t.Logf("on kine: %s", said)
	require.Contains(t, said, "the store is not fit for Muster")
	require.Contains(t, said, "kine")
	require.Contains(t, said, "etcd")
}
