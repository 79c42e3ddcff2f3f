// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// TestKubectlGetAndWatchShowsNothingTwice runs "kubectl get -w" right after an edit that
// creates 3,000 BundleDeployments, and again after one that deletes them.
func TestKubectlGetAndWatchShowsNothingTwice(t *testing.T) {
	const shared, clusters = 60, 50
	cluster.Install(t, control, cluster.StartEtcd(t, 1, cluster.EtcdOptions{}), cluster.Options{Replicas: 1, Args: []string{"--shutdown-delay-duration=1s"}})
	waitDiscovered(t)
	f := newFleet(t)
	nothing := metav1.LabelSelector{MatchLabels: map[string]string{"no": "cluster"}}
	shares := metav1.LabelSelector{MatchLabels: map[string]string{"shares": "yes"}}
	for i := range clusters {
		c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: fmt.Sprintf("c%02d", i), Labels: shares.MatchLabels}}
		_, err := f.FleetV1alpha1().Clusters(f.namespace).Create(t.Context(), c, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	group := &v1alpha1.ClusterGroup{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: "all"}}
	group.Spec.Selector = &nothing
	group, err := f.FleetV1alpha1().ClusterGroups(f.namespace).Create(t.Context(), group, metav1.CreateOptions{})
	require.NoError(t, err)
	for i := range shared {
		b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: fmt.Sprintf("shared%02d", i)}}
		b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: "all"}}}
		_, err := f.FleetV1alpha1().Bundles(f.namespace).Create(t.Context(), b, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	terminal := control.Terminal(t, nil)
	others := len(f.versions(t))
	for _, edit := range []struct {
		selector *metav1.LabelSelector
		there    int
	}{{&shares, others + shared*clusters}, {&nothing, others}} {
		group.Spec.Selector = edit.selector
		group, err = f.FleetV1alpha1().ClusterGroups(f.namespace).Update(t.Context(), group, metav1.UpdateOptions{})
		require.NoError(t, err)
		kubectl := terminal.StartKubectl(t, "get", "bundledeployments", "-A", "-o", "name", "-w", "-l", "fleet.cattle.io/bundle-namespace="+f.namespace)
		require.Eventually(t, func() bool { return len(lines(kubectl)) >= edit.there }, patience, tick)
		f.mark(t)
		require.Eventually(t, func() bool { return len(lines(kubectl)) > edit.there }, patience, tick)
		shown := lines(kubectl)
		require.Len(t, shown, edit.there+1, "%d BundleDeployments, and then %s", edit.there, shown[edit.there:min(len(shown), edit.there+5)])
		require.Contains(t, shown[edit.there], "/"+mark)
		kubectl.Kill()
	}
}

func lines(kubectl *cluster.Process) []string {
	return strings.Split(strings.TrimSuffix(kubectl.Output(), "\n"), "\n")
}
