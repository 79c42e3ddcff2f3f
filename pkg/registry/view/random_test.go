// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/replay"
)

func someItem(r *rand.Rand, resource string, at int64) Item {
	namespace, name := fmt.Sprint("n", r.IntN(3)), fmt.Sprint("x", r.IntN(5))
	if resource == record.BundleDeployments {
		bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprint("b", r.IntN(2)), Name: name}}
		return &BundleDeployment{
			At: VersionAt(at), Bundle: &BundleFace{Bundle: bundle},
			Cluster: &ClusterFace{Cluster: &v1alpha1.Cluster{}, Namespace: namespace}, Content: &derive.Content{},
		}
	}
	return &Object{ID: record.Name{Namespace: namespace, Name: name}, At: VersionAt(at)}
}

var twoResources = []string{record.Clusters, record.BundleDeployments}

type snapshot map[string]map[record.Name]Item

func (s snapshot) clone() snapshot {
	out := snapshot{}
	for resource, items := range s {
		out[resource] = maps.Clone(items)
	}
	return out
}

// TestViewsAreSnapshotsAndChangesLeadFromOneToTheNext copies the whole state at every
// revision, and compares all views with the copies until the end, old views too.
func TestViewsAreSnapshotsAndChangesLeadFromOneToTheNext(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 8 {
		limits := Limits{Revisions: 2 + r.IntN(20), Changes: 5 + r.IntN(60)}
		b := NewBuilder(limits)
		now := snapshot{record.Clusters: {}, record.BundleDeployments: {}}
		step := func(at int64) {
			for range r.IntN(5) {
				resource := twoResources[r.IntN(2)]
				item := someItem(r, resource, at)
				if r.IntN(3) == 0 {
					b.Delete(resource, item.Name())
					delete(now[resource], item.Name())
				} else {
					b.Put(resource, item)
					now[resource][item.Name()] = item
				}
			}
		}
		step(10)
		views := []*View{b.Load(10)}
		states := map[int64]snapshot{10: now.clone()}
		for at := int64(12); at < 150; at += 1 + int64(r.IntN(3)) {
			if r.IntN(6) == 0 {
				views = append(views, b.Reached(at))
			} else {
				step(at)
				views = append(views, b.Next(at))
			}
			states[at] = now.clone()
		}
		for _, v := range views {
			requireView(t, v, states, limits)
		}
	}
}

func requireView(t *testing.T, v *View, states map[int64]snapshot, limits Limits) {
	t.Helper()
	requireState(t, v, states[v.Revision])
	revisions, err := v.Since(v.Oldest)
	require.NoError(t, err)
	require.LessOrEqual(t, len(revisions), limits.Revisions)
	// The changes lead from the oldest state to the newest.
	folded := states[v.Oldest].clone()
	total := 0
	for i, revision := range revisions {
		require.True(t, i == 0 || revisions[i-1].At < revision.At)
		require.Same(t, revision, v.Exactly(revision.At))
		n := 0
		for _, resource := range twoResources {
			for _, change := range revision.Changes(resource, "", "") {
				n++
				require.Equal(t, folded[resource][change.Name], change.Prev)
				require.Equal(t, []*Change{change}, revision.Changes(resource, change.Name.Namespace, change.Name.Name))
				require.Contains(t, revision.Changes(resource, change.Name.Namespace, ""), change)
				if change.Next == nil {
					delete(folded[resource], change.Name)
				} else {
					folded[resource][change.Name] = change.Next
				}
			}
			require.Empty(t, revision.Changes(resource, "unknown", ""))
		}
		require.Positive(t, n, "a revision without changes has no entry")
		total += n
		require.Equal(t, states[revision.At], folded)
	}
	require.Equal(t, states[v.Revision], folded)
	if len(revisions) > 1 {
		require.LessOrEqual(t, total, limits.Changes)
	}
	for at, state := range states {
		then, err := v.At(at)
		switch {
		case at > v.Revision:
			require.ErrorIs(t, err, ErrFuture)
		case at < v.Oldest:
			require.ErrorIs(t, err, ErrCompacted)
			_, err = v.Since(at)
			require.ErrorIs(t, err, ErrCompacted)
		default:
			require.NoError(t, err)
			require.Equal(t, at, then.Revision)
			requireState(t, then, state)
		}
	}
}

// requireState compares the state of a view, as every method returns it, with a snapshot.
func requireState(t *testing.T, v *View, want snapshot) {
	t.Helper()
	for _, resource := range twoResources {
		require.Equal(t, len(want[resource]), v.Len(resource))
		names := slices.SortedFunc(maps.Keys(want[resource]), record.Name.Compare)
		var got []record.Name
		for item := range v.All(resource, record.Name{}) {
			got = append(got, item.Name())
			require.Same(t, want[resource][item.Name()], item)
			require.Same(t, item, v.Get(resource, item.Name()))
		}
		require.Equal(t, names, got)
		from := record.Name{Namespace: "n1", Name: "x2"}
		at, _ := slices.BinarySearchFunc(names, from, record.Name.Compare)
		for item := range v.All(resource, from) {
			require.Equal(t, names[at], item.Name())
			at++
		}
		require.Len(t, names, at)
	}
	require.Nil(t, v.Get(record.Clusters, record.Name{Namespace: "n1", Name: "none"}))
	byBundle := 0
	for _, namespace := range []string{"b0", "b1"} {
		for i := range 5 {
			bundle := record.Name{Namespace: namespace, Name: fmt.Sprint("x", i)}
			last := ""
			for item := range v.OfBundle(bundle) {
				byBundle++
				require.Same(t, want[record.BundleDeployments][item.Name()], item)
				require.Less(t, last, item.Name().Namespace)
				last = item.Name().Namespace
			}
		}
	}
	require.Len(t, want[record.BundleDeployments], byBundle, "the second order has each one exactly once")
}
