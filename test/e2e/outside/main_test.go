// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package outside

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
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
		cluster.Install(t, control, store, cluster.Options{Replicas: 1, Components: []string{"controller", "fleet-controllers", "agents-by-fleet", "cluster-profiles"}})
		var err error
		fleet, err = versioned.NewForConfig(control.Config)
		require.NoError(t, err)
		controller = control.Controller(t, store, "shared", "--controllers=*,-agentaccess,schedule,clusterprofiles")
		require.NoError(t, controller.Start())
	})
}

// makeCluster creates a Cluster, and its namespace as Fleet's agentmanagement does. It
// returns the namespace.
func makeCluster(t *testing.T, namespace, name string) string {
	t.Helper()
	c, err := fleet.FleetV1alpha1().Clusters(namespace).Create(t.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, metav1.CreateOptions{})
	require.NoError(t, err)
	c, err = fleet.FleetV1alpha1().Clusters(namespace).Get(t.Context(), c.Name, metav1.GetOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, c.Status.Namespace)
	control.MakeNamespace(t, c.Status.Namespace)
	return c.Status.Namespace
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
