// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"crypto/tls"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// refusesStore starts one more muster-apiserver on another store, and returns the reason of
// its refusal. It must not have answered any client.
func refusesStore(t *testing.T, r *cluster.Replica, servers string) string {
	t.Helper()
	address := cluster.FreeAddress()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	args := append(r.Flags("bind-address", "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig", "tls-cert-file", "tls-private-key-file"),
		"--etcd-servers="+servers, "--secure-port="+port)
	var answered atomic.Bool
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
			dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Second}, Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it only tests whether a server answers
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			if conn, err := dialer.DialContext(ctx, "tcp", address); err == nil {
				_ = conn.Close()
				answered.Store(true)
			}
			cancel()
		}
	}()
	_, _, err = r.Exec(args...)
	close(done)
	<-watched
	require.Error(t, err, "it runs")
	if strings.Contains(err.Error(), "address already in use") {
		return refusesStore(t, r, servers) // another program took the port, and may have answered on it
	}
	require.False(t, answered.Load(), "it answered before it refused")
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return lines[len(lines)-1]
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
	require.Contains(t, said, "unsupported operations in txn request")
	require.Contains(t, said, "such as kine (SQLite, MySQL or PostgreSQL under k3s)")
	require.Contains(t, said, "point --etcd-servers at an etcd")
}
