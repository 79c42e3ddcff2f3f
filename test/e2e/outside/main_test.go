// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package outside

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

const patience = time.Minute

// All tests share these.
var (
	control *cluster.ControlPlane
	// controller runs muster-controller.
	controller *cluster.Process
	// fleet is a client with all rights.
	fleet *versioned.Clientset
)

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) {
		control = cluster.Start(t)
		store := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
		cluster.Install(t, control, store, cluster.Options{Replicas: 1, Components: []string{"controller"}})
		var err error
		fleet, err = versioned.NewForConfig(control.Config)
		require.NoError(t, err)
		controller = control.Controller(t, store, "shared", "--controllers=*,schedule", "--agent-api-server-url=https://kube.example.com:6443", "--agent-api-server-ca-file="+control.CAFile)
		require.NoError(t, controller.Start())
	})
}

// makeCluster creates a Cluster, and returns its namespace.
func makeCluster(t *testing.T, namespace, name string) string {
	t.Helper()
	_, err := fleet.FleetV1alpha1().Clusters(namespace).Create(t.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, metav1.CreateOptions{})
	require.NoError(t, err)
	var own string
	poll.Eventually(t, patience, func(ctx context.Context) error {
		c, err := fleet.FleetV1alpha1().Clusters(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		own = c.Status.Namespace
		_, err = control.Client.CoreV1().Namespaces().Get(ctx, own, metav1.GetOptions{})
		return err
	}, controller.Tail)
	return own
}

// makeBundle creates a Bundle for all Clusters.
func makeBundle(t *testing.T, namespace, name string, adjust func(*v1alpha1.BundleSpec)) {
	t.Helper()
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	if adjust != nil {
		adjust(&b.Spec)
	}
	_, err := fleet.FleetV1alpha1().Bundles(namespace).Create(t.Context(), b, metav1.CreateOptions{})
	require.NoError(t, err)
}
