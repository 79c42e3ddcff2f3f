// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func start(t *testing.T) *controllertest.Engine {
	return controllertest.Start(t, etcd.New(etcdtest.Start(t).Client, "/muster"))
}

func clusterWith(name string, labels ...string) *v1alpha1.Cluster {
	c := &v1alpha1.Cluster{ObjectMeta: controllertest.Meta(name, 1)}
	c.Labels = map[string]string{}
	for _, label := range labels {
		c.Labels[label] = "yes"
	}
	return c
}

// bundleFor returns a Bundle for the Clusters with a label that may make one of them
// unavailable.
func bundleFor(name, label, version string) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: controllertest.Meta(name, 1)}
	b.Spec.RolloutStrategy = &v1alpha1.RolloutStrategy{MaxUnavailable: new(intstr.FromInt32(1))}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{label: "yes"}}}}}
	b.Spec.TargetNamespace, b.Generation = version, int64(version[1]-'0')
	return b
}

// settled takes all steps that are due.
func settled(e *controllertest.Engine, r *Rollout) {
	for again := true; again; {
		r.changes.See(e.View())
		again = false
		for name, p := range r.bundles {
			if p.due {
				r.take(e.T.Context(), name, p)
				again = true
			}
		}
	}
}

func TestAChangeSchedulesTheRolloutsThatItReaches(t *testing.T) {
	t.Parallel()
	e := start(t)
	group := &v1alpha1.ClusterGroup{ObjectMeta: controllertest.Meta("group", 1)}
	group.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"unused": "yes"}}
	parts := bundleFor("parts", "p", "v1")
	parts.Spec.RolloutStrategy.Partitions = []v1alpha1.Partition{{Name: "first", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"first": "yes"}}}}}
	for _, object := range []record.APIObject{
		clusterWith("c1", "a"), clusterWith("c2", "b"), clusterWith("c3", "p"), clusterWith("c4"), group,
		bundleFor("a", "a", "v1"), bundleFor("b", "b", "v1"), parts,
	} {
		e.Save(object)
	}
	r := New(e, e.Log)
	settled(e, r)
	all := []string{"a", "b", "parts"}
	later := group.DeepCopy()
	later.Spec.Selector.MatchLabels["other"] = "yes"
	paused := clusterWith("c1", "a")
	paused.Spec.Paused = true
	for _, c := range []struct {
		name string
		do   func()
		due  []string
	}{
		{"a label that no Bundle selects", func() { e.Save(clusterWith("c1", "a", "x")) }, nil},
		{"a heartbeat", func() {
			status := &v1alpha1.Cluster{}
			status.Status.Agent.LastSeen = metav1.Unix(1_700_000_100, 0)
			e.Report(record.Clusters, record.Name{Namespace: "fleet", Name: "c1"}, &record.Report{UID: "uid-of-c1", Status: status})
		}, nil},
		{"a Cluster that no Bundle targets", func() { e.Save(clusterWith("c5")) }, nil},
		{"a Cluster is targeted, and gets nothing until a step says so", func() { e.Save(clusterWith("c4", "a")) }, []string{"a"}},
		{"a new Cluster is targeted", func() { e.Save(clusterWith("c6", "a")) }, []string{"a"}},
		{"a Cluster is deleted", func() { e.Delete(record.Clusters, "fleet", "c6") }, []string{"a"}},
		{"a Cluster moves to another partition", func() { e.Save(clusterWith("c3", "p", "first")) }, []string{"parts"}},
		{"a report on a BundleDeployment", func() {
			key := record.Name{Namespace: names.ClusterNamespace("fleet", "c2"), Name: "b"}
			status := &v1alpha1.BundleDeployment{}
			status.Status.Ready = true
			e.Report(record.BundleDeployments, key, &record.Report{UID: derive.IdentityUID("uid-of-b", "uid-of-c2"), Status: status})
		}, []string{"b"}},
		{"a version", func() { e.Save(bundleFor("b", "b", "v2")) }, []string{"b"}},
		{"a Bundle is created", func() { e.Save(bundleFor("d", "d", "v1")) }, []string{"d"}},
		{"a Bundle is deleted", func() { e.Delete(record.Bundles, "fleet", "d") }, nil},
		{"a group selects something else", func() { e.Save(later) }, all},
		{"a Cluster is paused", func() { e.Save(paused) }, all},
		{"a Cluster is resumed", func() { e.Save(clusterWith("c1", "a")) }, all},
	} {
		settled(e, r)
		c.do()
		r.changes.See(e.View())
		var due []string
		for name, p := range r.bundles {
			if p.due {
				due = append(due, name.Name)
			}
		}
		slices.Sort(due)
		require.Equal(t, c.due, due, c.name)
	}
}

// busy is a log on which a Cluster is edited between each decision and its commit.
type busy struct {
	*etcd.Log
	edit    func()
	commits int
}

func (l *busy) Commit(ctx context.Context, txn etcd.Txn) (int64, bool, error) {
	l.commits++
	l.edit()
	return l.Log.Commit(ctx, txn)
}

// Where a Cluster is edited every 50 ms, one is edited during each step.
func TestARolloutAdvancesWhileClustersAreEditedAllTheTime(t *testing.T) {
	t.Parallel()
	e := start(t)
	const clusters = 5
	free := bundleFor("app", "a", "v1")
	free.Spec.RolloutStrategy = nil
	for i := range clusters {
		e.Save(clusterWith(fmt.Sprint("c", i), "a"))
	}
	e.Save(free)
	e.Save(bundleFor("app", "a", "v2"))
	edits := 0
	log := &busy{Log: e.Log, edit: func() {
		edits++
		e.Save(clusterWith("c0", "a", fmt.Sprint("edit-", edits)))
		e.Save(clusterWith("elsewhere", fmt.Sprint("edit-", edits)))
	}}
	r := New(e, log)
	name := record.Name{Namespace: "fleet", Name: "app"}
	state := func() string {
		_ = e.View()
		in, ok, err := e.Rollout(name)
		require.NoError(t, err)
		require.True(t, ok)
		shown := map[string]int{}
		for _, target := range in.Targets {
			if target.Promoted == nil {
				shown["nothing"]++
			} else {
				shown[target.Promoted.Options.TargetNamespace]++
			}
		}
		return fmt.Sprint("base:", in.HasBase, " ", slices.Sorted(maps.Keys(shown)), " ", shown["v2"])
	}
	require.Equal(t, "base:true [v1] 0", state())
	// One transaction records what follows from the base, one drops the base, and one promotes
	// the pairs that were never available.
	for range 3 {
		_ = e.View() // the step needs to see what the last one wrote
		did, err := r.step(t.Context(), name, &progress{batch: maxBatch})
		require.NoError(t, err)
		require.Equal(t, committed, did)
	}
	require.Equal(t, 3, log.commits)
	require.Equal(t, fmt.Sprintf("base:false [v2] %d", clusters), state())
}
