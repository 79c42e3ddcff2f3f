// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// cacheTTL replaces the 10 seconds of Muster's caches.
const cacheTTL = 2 * time.Second

// patience bounds every wait.
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

func clientset(t cluster.T, config *rest.Config) *versioned.Clientset {
	t.Helper()
	c, err := versioned.NewForConfig(config)
	require.NoError(t, err)
	return c
}

func makeNamespace(t cluster.T, name string) {
	t.Helper()
	_, err := control.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	require.NoError(t, err)
}
