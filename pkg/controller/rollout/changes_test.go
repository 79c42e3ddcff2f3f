// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// world holds an engine over a log of its own.
type world struct {
	t      *testing.T
	log    *etcd.Log
	engine *engine.Engine
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, log: etcd.New(etcdtest.Start(t).Client, "/muster")}
	w.engine = engine.New(w.log, engine.DefaultOptions())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = w.engine.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	ready, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	_, err := w.engine.Barrier(ready)
	require.NoError(t, err)
	return w
}

func (w *world) view() *view.View {
	w.t.Helper()
	v, err := w.engine.Barrier(w.t.Context())
	require.NoError(w.t, err)
	return v
}

// save writes an object as the store does: it plans, guards, and tries again after a conflict.
// gone deletes the object.
func (w *world) save(object record.APIObject, gone bool) {
	w.t.Helper()
	resource := record.Clusters
	switch object.(type) {
	case *v1alpha1.Bundle:
		resource = record.Bundles
	case *v1alpha1.ClusterGroup:
		resource = record.ClusterGroups
	}
	key := record.ObjectKey(resource, record.Name{Namespace: object.GetNamespace(), Name: object.GetName()})
	for ok := false; !ok; {
		v := w.view()
		p := engine.Proposal{Resource: resource, Name: key.Name, Object: &record.Object{Object: object}}
		if gone {
			p.Object = nil
		}
		plan, err := w.engine.Plan(context.Background(), p)
		require.NoError(w.t, err)
		require.Empty(w.t, plan.First)
		txn := etcd.Txn{Unchanged: plan.Unchanged, UnchangedSince: plan.UnchangedSince, Put: plan.Put, Delete: plan.Delete}
		txn.Unchanged[key] = 0
		if item := v.Get(resource, key.Name); item != nil {
			txn.Unchanged[key] = item.(*view.Object).RecordRevision
		}
		if gone {
			txn.Delete = append(txn.Delete, key)
		} else {
			txn.Put[key], err = p.Object.Encode()
			require.NoError(w.t, err)
		}
		_, ok, err = w.log.Commit(w.t.Context(), txn)
		require.NoError(w.t, err)
	}
}

func (w *world) report(key record.Key, r *record.Report) {
	w.t.Helper()
	data, err := r.Encode()
	require.NoError(w.t, err)
	_, ok, err := w.log.Commit(w.t.Context(), etcd.Txn{Put: map[record.Key][]byte{key: data}})
	require.NoError(w.t, err)
	require.True(w.t, ok)
}

func metaOf(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "fleet", Name: name, Generation: 1, UID: types.UID("uid-of-" + name), CreationTimestamp: metav1.Unix(1_700_000_000, 0)}
}

func clusterWith(name string, labels ...string) *v1alpha1.Cluster {
	c := &v1alpha1.Cluster{ObjectMeta: metaOf(name)}
	c.Labels = map[string]string{}
	for _, label := range labels {
		c.Labels[label] = "yes"
	}
	return c
}

// bundleFor returns a Bundle for the Clusters with a label that may make one of them
// unavailable.
func bundleFor(name, label, version string) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: metaOf(name)}
	one := intstr.FromInt32(1)
	b.Spec.RolloutStrategy = &v1alpha1.RolloutStrategy{MaxUnavailable: &one}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{label: "yes"}}}}}
	b.Spec.TargetNamespace, b.Generation = version, int64(version[1]-'0')
	return b
}

// settled takes all steps that are due.
func (w *world) settled(r *Rollout) {
	w.t.Helper()
	for again := true; again; {
		r.changes.See(w.view())
		again = false
		for name, p := range r.bundles {
			if p.due {
				r.take(w.t.Context(), name, p)
				again = true
			}
		}
	}
}

func TestAChangeMakesDueTheRolloutsThatItReaches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	group := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("group")}
	group.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"unused": "yes"}}
	parts := bundleFor("parts", "p", "v1")
	parts.Spec.RolloutStrategy.Partitions = []v1alpha1.Partition{{Name: "first", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"first": "yes"}}}}}
	for _, object := range []record.APIObject{
		clusterWith("c1", "a"), clusterWith("c2", "b"), clusterWith("c3", "p"), clusterWith("c4"), group,
		bundleFor("a", "a", "v1"), bundleFor("b", "b", "v1"), parts,
	} {
		w.save(object, false)
	}
	r := New(w.engine, w.log)
	w.settled(r)
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
		{"a label that no Bundle selects", func() { w.save(clusterWith("c1", "a", "x"), false) }, nil},
		{"a heartbeat", func() {
			status := &v1alpha1.Cluster{}
			status.Status.Agent.LastSeen = metav1.Unix(1_700_000_100, 0)
			w.report(record.ReportKey(record.Clusters, record.Name{Namespace: "fleet", Name: "c1"}), &record.Report{UID: "uid-of-c1", Status: status})
		}, nil},
		{"a Cluster that no Bundle targets", func() { w.save(clusterWith("c5"), false) }, nil},
		{"a Cluster is targeted, and gets nothing until a step says so", func() { w.save(clusterWith("c4", "a"), false) }, []string{"a"}},
		{"a new Cluster is targeted", func() { w.save(clusterWith("c6", "a"), false) }, []string{"a"}},
		{"a Cluster is deleted", func() { w.save(clusterWith("c6", "a"), true) }, []string{"a"}},
		{"a Cluster moves to another partition", func() { w.save(clusterWith("c3", "p", "first"), false) }, []string{"parts"}},
		{"a report on a BundleDeployment", func() {
			key := record.Name{Namespace: names.ClusterNamespace("fleet", "c2"), Name: "b"}
			status := &v1alpha1.BundleDeployment{}
			status.Status.Ready = true
			w.report(record.ReportKey(record.BundleDeployments, key), &record.Report{UID: derive.IdentityUID("uid-of-b", "uid-of-c2"), Status: status})
		}, []string{"b"}},
		{"a version", func() { w.save(bundleFor("b", "b", "v2"), false) }, []string{"b"}},
		{"a Bundle is created", func() { w.save(bundleFor("d", "d", "v1"), false) }, []string{"d"}},
		{"a Bundle is deleted", func() { w.save(bundleFor("d", "d", "v1"), true) }, nil},
		{"a group selects something else", func() { w.save(later, false) }, all},
		{"a Cluster is paused", func() { w.save(paused, false) }, all},
		{"a Cluster is resumed", func() { w.save(clusterWith("c1", "a"), false) }, all},
	} {
		w.settled(r)
		c.do()
		r.changes.See(w.view())
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
	w := newWorld(t)
	const clusters = 5
	free := bundleFor("app", "a", "v1")
	free.Spec.RolloutStrategy = nil
	for i := range clusters {
		w.save(clusterWith(fmt.Sprint("c", i), "a"), false)
	}
	w.save(free, false)
	w.save(bundleFor("app", "a", "v2"), false)
	edits := 0
	log := &busy{Log: w.log, edit: func() {
		edits++
		w.save(clusterWith("c0", "a", fmt.Sprint("edit-", edits)), false)
		w.save(clusterWith("elsewhere", fmt.Sprint("edit-", edits)), false)
	}}
	r := New(w.engine, log)
	name := record.Name{Namespace: "fleet", Name: "app"}
	state := func() string {
		_ = w.view()
		in, ok, err := w.engine.Rollout(name)
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
		_ = w.view() // the step needs to see what the last one wrote
		did, err := r.step(t.Context(), name, &progress{batch: maxBatch})
		require.NoError(t, err)
		require.Equal(t, committed, did)
	}
	require.Equal(t, 3, log.commits)
	require.Equal(t, fmt.Sprintf("base:false [v2] %d", clusters), state())
}
