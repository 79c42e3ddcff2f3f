// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// TestAWatchThatFollowsAListRepeatsNothing does what kubectl get -w and every informer do,
// right after an edit that moved 3,000 BundleDeployments.
func TestAWatchThatFollowsAListRepeatsNothing(t *testing.T) {
	t.Parallel()
	const bundles, clusters = 60, 50
	s := own(t)
	c := s.clientset(t)
	for i := range clusters {
		createCluster(t, c, cluster("ns", name("c", i), "env", "prod"))
	}
	group := &v1alpha1.ClusterGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "g"}}
	nobody, everybody := &metav1.LabelSelector{MatchLabels: map[string]string{"no": "one"}}, &metav1.LabelSelector{}
	group.Spec.Selector = nobody
	group, err := c.FleetV1alpha1().ClusterGroups("ns").Create(t.Context(), group, metav1.CreateOptions{})
	require.NoError(t, err)
	for i := range bundles {
		b := bundle("ns", name("app", i))
		b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: "g"}}}
		createBundle(t, c, b)
	}
	deployments := s.resource(t, "bundledeployments", "")
	for i, edit := range []struct {
		selector *metav1.LabelSelector
		there    int
	}{{everybody, bundles * clusters}, {nobody, 0}} {
		group.Spec.Selector = edit.selector
		group, err = c.FleetV1alpha1().ClusterGroups("ns").Update(t.Context(), group, metav1.UpdateOptions{})
		require.NoError(t, err)
		list, err := deployments.List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		require.Len(t, list.Items, edit.there+i*clusters, "including the mark of the previous round")
		versions := map[string]bool{}
		for _, item := range list.Items {
			versions[item.GetResourceVersion()] = true
		}
		require.GreaterOrEqual(t, len(versions), edit.there, "each change has a version of its own")
		w := watching(t, deployments, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
		mark := name("mark", i)
		w.quietUntil(func() { createBundle(t, c, bundle("ns", mark, "env", "prod")) }, watch.Added, mark)
		w.Stop()
	}
}
