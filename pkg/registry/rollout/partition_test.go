// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

func never(int, int) bool { panic("asked for members of automatic partitions") }

func TestAutomaticPartitionsAreSlicesInOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   *v1alpha1.RolloutStrategy
		n    int
		want []string // name, from-to, limit
	}{
		{"no target still gives one partition", nil, 0, []string{"All 0-0 1"}},
		{"below the threshold", nil, 199, []string{"All 0-199 199"}},
		{"from the threshold on, quarters", nil, 200, []string{"Partition 0 - 50 0-50 50", "Partition 50 - 100 50-100 50", "Partition 100 - 150 100-150 50", "Partition 150 - 200 150-200 50"}},
		{"quarters of a number that four does not divide, with a short one", &v1alpha1.RolloutStrategy{AutoPartitionThreshold: new(1)}, 10, []string{"Partition 0 - 2 0-2 2", "Partition 2 - 4 2-4 2", "Partition 4 - 6 4-6 2", "Partition 6 - 8 6-8 2", "Partition 8 - 10 8-10 2"}},
		{"a size that leaves a short last one", &v1alpha1.RolloutStrategy{AutoPartitionThreshold: new(1), AutoPartitionSize: number(4), MaxUnavailable: text("50%")}, 10, []string{"Partition 0 - 4 0-4 2", "Partition 4 - 8 4-8 2", "Partition 8 - 10 8-10 1"}},
		{"a size above the number", &v1alpha1.RolloutStrategy{AutoPartitionThreshold: new(1), AutoPartitionSize: text("70")}, 10, []string{"Partition 0 - 10 0-10 10"}},
		{"a size of 0", &v1alpha1.RolloutStrategy{AutoPartitionThreshold: new(1), AutoPartitionSize: number(0), MaxUnavailable: number(3)}, 10, []string{"All 0-10 3"}},
		{"a size of 0 %, which is one", &v1alpha1.RolloutStrategy{AutoPartitionThreshold: new(1), AutoPartitionSize: text("0%")}, 2, []string{"Partition 0 - 1 0-1 1", "Partition 1 - 2 1-2 1"}},
		{"a threshold of 0", &v1alpha1.RolloutStrategy{AutoPartitionThreshold: new(0)}, 1000, []string{"All 0-1000 1000"}},
		{"a negative threshold", &v1alpha1.RolloutStrategy{AutoPartitionThreshold: new(-1)}, 1000, []string{"All 0-1000 1000"}},
		{"a threshold and no target", &v1alpha1.RolloutStrategy{AutoPartitionThreshold: new(1)}, 0, []string{"All 0-0 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			partitions, err := rollout.Partitions(c.in, c.n, never)
			require.NoError(t, err)
			var got []string
			for _, p := range partitions {
				require.Len(t, slices.Collect(p.Members()), p.Count())
				got = append(got, fmt.Sprintf("%s %d-%d %d", p.Name, p.From, p.To, p.MaxUnavailable))
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestManualPartitionsHoldTheTargetsTheyMatch(t *testing.T) {
	t.Parallel()
	strategy := &v1alpha1.RolloutStrategy{
		MaxUnavailable: text("50%"),
		Partitions: []v1alpha1.Partition{
			{Name: "canary", ClusterCriteria: criteria{ClusterName: "c1"}, MaxUnavailable: number(0)},
			{Name: "even", ClusterCriteria: criteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"parity": "0"}}}},
			{Name: "empty"},
			{Name: "group", ClusterCriteria: criteria{ClusterGroup: "g"}},
		},
	}
	entries, err := rollout.Entries(strategy)
	require.NoError(t, err)
	clusters := make([]targeting.Cluster, 6)
	for i := range clusters {
		clusters[i] = targeting.Cluster{Name: fmt.Sprintf("c%d", i), Namespace: "ns", Labels: map[string]string{"parity": fmt.Sprint(i % 2)}}
	}
	clusters[4].Groups = []targeting.Group{{Name: "g"}}
	clusters[5].Groups = []targeting.Group{{Name: "g"}}
	partitions, err := rollout.Partitions(strategy, len(clusters), func(p, rank int) bool { return entries[p].Matches(clusters[rank]) })
	require.NoError(t, err)
	var got []string
	for _, p := range partitions {
		got = append(got, fmt.Sprintf("%s %v %d", p.Name, slices.Collect(p.Members()), p.MaxUnavailable))
	}
	require.Equal(t, []string{"canary [1] 0", "even [0 2 4] 1", "empty [] 1", "group [4 5] 1"}, got)
}

func TestAnErrorInAPartitionNamesTheField(t *testing.T) {
	t.Parallel()
	bad := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Sometimes"}}}
	_, err := rollout.Entries(&v1alpha1.RolloutStrategy{Partitions: []v1alpha1.Partition{{}, {ClusterCriteria: criteria{ClusterSelector: bad}}}})
	require.ErrorContains(t, err, "failed to update partitions: spec.rolloutStrategy.partitions[1].clusterSelector")

	for _, strategy := range []*v1alpha1.RolloutStrategy{
		{AutoPartitionThreshold: new(1), AutoPartitionSize: text("x")},
		{MaxUnavailable: text("x")},
		{Partitions: []v1alpha1.Partition{{ClusterCriteria: criteria{ClusterName: "a"}, MaxUnavailable: text("x")}}},
	} {
		_, err := rollout.Partitions(strategy, 3, func(int, int) bool { return true })
		require.ErrorContains(t, err, "failed to update partitions: invalid maxUnavailable")
	}
}

func TestMaxUnavailablePartitionsIsZeroByDefault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   *v1alpha1.RolloutStrategy
		n    int
		want int
	}{
		{nil, 4, 0},
		{&v1alpha1.RolloutStrategy{}, 4, 0},
		{&v1alpha1.RolloutStrategy{MaxUnavailablePartitions: number(2)}, 4, 2},
		{&v1alpha1.RolloutStrategy{MaxUnavailablePartitions: text("25%")}, 8, 2},
	} {
		got, err := rollout.MaxUnavailablePartitions(c.in, c.n)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}
