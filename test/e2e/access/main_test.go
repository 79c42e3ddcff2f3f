// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"testing"
	"time"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// cacheTTL replaces the 10 seconds of Muster's caches.
const cacheTTL = 2 * time.Second

// All tests share these, and change nothing in them that another test reads.
var (
	control      *cluster.ControlPlane
	store        *cluster.Etcd
	muster       *cluster.Muster
	north, south *agent
)

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) {
		control = cluster.Start(t)
		store = cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
		muster = cluster.Install(t, control, store, cluster.Options{Replicas: 1, Args: []string{
			"--authentication-token-webhook-cache-ttl=" + cacheTTL.String(),
			"--authorization-webhook-cache-authorized-ttl=" + cacheTTL.String(),
			"--authorization-webhook-cache-unauthorized-ttl=" + cacheTTL.String(),
		}})
		north, south = populate(t)
	})
}
