// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
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
	none, all := selector("no", "one"), selector()
	group := createGroup(t, c, "ns", "g", none)
	for i := range bundles {
		b := bundle("ns", name("app", i))
		b.Spec.Targets = onGroup("g")
		createBundle(t, c, b)
	}
	deployments := s.resource(t, "bundledeployments", "")
	for i, edit := range []struct {
		selector *metav1.LabelSelector
		want     int
	}{{all, bundles * clusters}, {none, 0}} {
		group.Spec.Selector = edit.selector
		var err error
		group, err = c.FleetV1alpha1().ClusterGroups("ns").Update(t.Context(), group, metav1.UpdateOptions{})
		require.NoError(t, err)
		list := listOf(t, deployments)
		require.Len(t, list.Items, edit.want+i*clusters, "including the mark of the previous round")
		versions := map[string]bool{}
		for _, item := range list.Items {
			versions[item.GetResourceVersion()] = true
		}
		require.GreaterOrEqual(t, len(versions), edit.want, "each change has a version of its own")
		w := watching(t, deployments, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
		mark := name("mark", i)
		w.quietUntil(func() { createBundle(t, c, bundle("ns", mark, "env", "prod")) }, watch.Added, mark)
		w.Stop()
	}
}
