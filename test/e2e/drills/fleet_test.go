// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

const groupPath = "/apis/fleet.cattle.io/v1alpha1"

// fleet is a workspace in which every Bundle is on every Cluster, all the time.
type fleet struct {
	namespace         string
	clusters, bundles int
	homes             []string // the namespaces of BundleDeployments, by Cluster
}

func clusterName(i int) string { return fmt.Sprintf("cluster-%d", i) }
func bundleName(i int) string  { return fmt.Sprintf("bundle-%d", i) }

func clientset(t cluster.T, config *rest.Config) *versioned.Clientset {
	t.Helper()
	c, err := versioned.NewForConfig(cluster.Unshared(config))
	require.NoError(t, err)
	return c
}

// newFleet creates a fleet, and waits until muster-controller has made its namespaces.
func newFleet(t cluster.T, namespace string, clusters, bundles int) fleet {
	t.Helper()
	f := fleet{namespace: namespace, clusters: clusters, bundles: bundles}
	control.MakeNamespace(t, namespace)
	api := clientset(t, control.Config).FleetV1alpha1()
	for i := range clusters {
		made, err := api.Clusters(namespace).Create(t.Context(), newCluster(clusterName(i)), metav1.CreateOptions{})
		require.NoError(t, err)
		made, err = api.Clusters(namespace).Get(t.Context(), made.Name, metav1.GetOptions{})
		require.NoError(t, err)
		f.homes = append(f.homes, made.Status.Namespace)
	}
	for i := range bundles {
		_, err := api.Bundles(namespace).Create(t.Context(), newBundle(bundleName(i)), metav1.CreateOptions{})
		require.NoError(t, err)
	}
	for _, home := range f.homes {
		waitNamespace(t, home)
	}
	return f
}

func newCluster(name string) *v1alpha1.Cluster {
	return &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"count": "0"}}}
}

func newBundle(name string) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: name}}
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: "kind: ConfigMap\nname: " + name}}
	b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"count": `n${ index .ClusterLabels "count" }`}}}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	return b
}

// waitNamespace waits for work of muster-controller's: the namespace of a Cluster.
func waitNamespace(t cluster.T, name string) {
	t.Helper()
	require.NoError(t, poll.Until(t.Context(), within, func(ctx context.Context) error {
		_, err := control.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		return err
	}))
}
