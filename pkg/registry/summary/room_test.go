// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
	"github.com/musterfleet/muster/test/replay"
)

// large returns a GitRepo's BundleDeployments on the given number of Clusters. Each has the
// given numbers of common objects and of objects of its own.
func large(r *rand.Rand, clusters, common, own int) []Deployed {
	shared := &v1alpha1.BundleDeploymentStatus{}
	for i := range common {
		shared.Resources = append(shared.Resources, deployedObjects(fmt.Sprintf("common-%06d-%s", i, strings.Repeat("x", r.IntN(40))))...)
	}
	var out []Deployed
	for i := range clusters {
		status := *shared
		status.Resources = slices.Clip(status.Resources)
		for k := range own {
			status.Resources = append(status.Resources, deployedObjects(fmt.Sprintf("own-%05d-%d", i, k))...)
		}
		status.ResourceCounts = v1alpha1.ResourceCounts{Ready: r.IntN(100), DesiredReady: 100}
		out = append(out, Deployed{Cluster: fmt.Sprintf("fleet-default/cluster-%05d", i), State: ranking[r.IntN(len(ranking))], Status: &status})
	}
	return out
}

// TestTheStatusOfAGitRepoFitsIntoEtcd also checks that a status shows the first objects and
// counts the others.
func TestTheStatusOfAGitRepoFitsIntoEtcd(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for _, c := range []struct {
		name                  string
		clusters, common, own int
		want                  LeftOut // 1 for each field that is not zero
	}{
		{"few of few", 20, 30, 0, LeftOut{}},
		{"a large chart on many Clusters", 2000, 60, 0, LeftOut{Names: 1}},
		{"many Clusters", 10_000, 2, 0, LeftOut{Clusters: 1}},
		{"many objects", 10, 900, 90, LeftOut{}},
		{"more objects than fit", 100, 500, 400, LeftOut{Objects: 1, Names: 1, Unlisted: 1}},
		{"more objects than are read of a report", 5, reports.MostObjects, 100, LeftOut{Unlisted: 1}},
	} {
		deployed := large(r, c.clusters, c.common, c.own)
		var status v1alpha1.StatusBase
		status.Conditions = []v1alpha1.GenericCondition{{Type: "Ready", Message: strings.Repeat("z", r.IntN(400<<10))}}
		room := Room(&status)
		counts, room, clusters := PerCluster(func(yield func(string, *v1alpha1.ResourceCounts) bool) {
			for i := range deployed {
				if !yield(deployed[i].Cluster, &deployed[i].Status.ResourceCounts) {
					return
				}
			}
		}, room)
		objects, left := Resources(slices.Values(deployed), room)
		left.Clusters = clusters
		status.Resources, status.PerClusterResourceCounts = objects, counts
		left.Over(&status)
		text, err := json.Marshal(&status)
		require.NoError(t, err)
		require.LessOrEqual(t, len(text), StatusBytes, c.name)
		sign := func(n int) int { return min(n, 1) }
		require.Equal(t, c.want, LeftOut{sign(left.Objects), sign(left.Unlisted), sign(left.Names), sign(left.Clusters)}, c.name)

		// The status shows the first of all objects in the full lists.
		names, listed := map[string]bool{}, 0
		for _, d := range deployed {
			for _, o := range d.Status.Resources[:min(len(d.Status.Resources), reports.MostObjects)] {
				names["configmap/ns/"+o.Name] = true
			}
		}
		for i, o := range objects {
			require.True(t, names[o.Type+"/"+o.ID], c.name)
			require.True(t, i == 0 || objects[i-1].ID < o.ID, c.name)
			for _, list := range [][]string{o.PerClusterState.Ready, o.PerClusterState.WaitApplied, o.PerClusterState.Pending} {
				listed += len(list)
			}
		}
		if left.Unlisted == 0 {
			require.Equal(t, len(names), len(objects)+left.Objects, c.name)
		}
		require.Len(t, counts, c.clusters-left.Clusters, c.name)
		if c.want != (LeftOut{}) {
			require.Equal(t, ConditionTruncated, status.Conditions[1].Type, c.name)
			require.Equal(t, "True", status.Conditions[1].Status, c.name)
			if left.Objects > 0 {
				require.Contains(t, status.Conditions[1].Message, fmt.Sprintf("status.resources leaves out %d objects", left.Objects), c.name)
			}
			if left.Clusters > 0 {
				require.Contains(t, status.Conditions[1].Message, fmt.Sprintf("leaves out %d Clusters", left.Clusters), c.name)
			}
		} else {
			require.Len(t, status.Conditions, 1, c.name)
			require.Positive(t, listed, c.name)
		}
	}
}

// TestResourcesReadsABoundedNumberOfObjects has more different objects than Resources tells
// apart: it only counts the others.
func TestResourcesReadsABoundedNumberOfObjects(t *testing.T) {
	t.Parallel()
	deployed := large(replay.Rand(t), 40, 0, reports.MostObjects)
	_, left := Resources(slices.Values(deployed), plenty)
	require.Equal(t, 40*reports.MostObjects-mostFound, left.Unlisted)
	_, same := Resources(slices.Values(deployed), plenty)
	require.Equal(t, left, same)
}

// TestTheStatusOfABundleFitsIntoEtcd has few and many partitions.
func TestTheStatusOfABundleFitsIntoEtcd(t *testing.T) {
	t.Parallel()
	entry := v1alpha1.NonReadyResource{Name: "fleet-default/c", State: v1alpha1.NotReady, Message: strings.Repeat("\x01", 600)}
	partitions := func(n, entries int) *v1alpha1.BundleStatus {
		out := &v1alpha1.BundleStatus{Conditions: []v1alpha1.GenericCondition{{Type: "Ready", Status: "False"}}}
		for i := range n {
			p := v1alpha1.PartitionStatus{Name: fmt.Sprintf("Partition %d - %d", i, i+1), Count: 1, Unavailable: 1}
			p.Summary.NotReady, p.Summary.DesiredReady = entries, entries
			for range entries {
				p.Summary.NonReadyResources = append(p.Summary.NonReadyResources, entry)
			}
			out.PartitionStatus = append(out.PartitionStatus, p)
		}
		return out
	}
	for _, c := range []struct {
		name             string
		n, entries       int
		partitions, said int
	}{
		{"four, as usual", 4, 10, 4, 0},
		{"a thousand", 1000, 0, 1000, 0},
		{"a thousand with lists", 1000, 1, 1000, 1},
		{"ten thousand", 10_000, 1, 0, 2},
	} {
		got := partitions(c.n, c.entries)
		FitPartitions(got)
		text, err := json.Marshal(got.PartitionStatus)
		require.NoError(t, err)
		require.LessOrEqual(t, len(text), partitionBytes, c.name)
		if c.partitions > 0 {
			require.Len(t, got.PartitionStatus, c.partitions, c.name)
		} else {
			require.Less(t, len(got.PartitionStatus), c.n, c.name)
			require.Contains(t, got.Conditions[1].Message, fmt.Sprintf("status.partitions leaves out %d partitions", c.n-len(got.PartitionStatus)), c.name)
		}
		require.Len(t, got.Conditions, 1+min(c.said, 1), c.name)
		if c.said == 0 {
			require.Equal(t, partitions(c.n, c.entries), got, c.name)
			continue
		}
		empty := 0
		for _, p := range got.PartitionStatus {
			require.Equal(t, c.entries, p.Summary.NotReady, "%s: counts are whole", c.name)
			if len(p.Summary.NonReadyResources) == 0 {
				empty++
			}
		}
		require.Positive(t, empty, c.name)
		require.Contains(t, got.Conditions[1].Message, fmt.Sprintf("nonReadyResources of %d partitions", empty), c.name)
	}
}
