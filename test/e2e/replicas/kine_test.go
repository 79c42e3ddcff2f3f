// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

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
	flags := m.Replicas()[0].Flags("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig", "tls-cert-file", "tls-private-key-file")
	said := cluster.Refusal(t, append(flags, "--etcd-servers=http://"+address)...)
	require.Contains(t, said, "the store is not fit for Muster")
	require.Contains(t, said, "unsupported operations in txn request")
	require.Contains(t, said, "such as kine (SQLite, MySQL or PostgreSQL under k3s)")
	require.Contains(t, said, "point --etcd-servers at an etcd")
}
