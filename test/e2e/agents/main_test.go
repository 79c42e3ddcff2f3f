// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// cacheTTL replaces the 10 seconds of Muster's caches.
const cacheTTL = 2 * time.Second

const patience = time.Minute

// All tests share these.
var (
	control *cluster.ControlPlane
	store   *cluster.Etcd
	muster  *cluster.Muster
	// access runs the controller.
	access *cluster.Process
	// fleet is a client with all rights.
	fleet *versioned.Clientset
)

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) {
		control = cluster.Start(t)
		store = cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
		muster = cluster.Install(t, control, store, cluster.Options{Replicas: 1, Components: []string{"controller"}, Args: []string{
			"--authentication-token-webhook-cache-ttl=" + cacheTTL.String(),
			"--authorization-webhook-cache-authorized-ttl=" + cacheTTL.String(),
			"--authorization-webhook-cache-unauthorized-ttl=" + cacheTTL.String(),
		}})
		fleet = clientset(t, control.Config)
		access = newController(t, "shared")
		require.NoError(t, access.Start())
	})
}

const apiServerURL = "https://kube.example.com:6443"

func newController(t cluster.T, name string, flags ...string) *cluster.Process {
	t.Helper()
	return control.Controller(t, store, name, append(flags, "--agent-api-server-url="+apiServerURL, "--agent-api-server-ca-file="+control.CAFile)...)
}

func clientset(t cluster.T, config *rest.Config) *versioned.Clientset {
	t.Helper()
	c, err := versioned.NewForConfig(config)
	require.NoError(t, err)
	return c
}
