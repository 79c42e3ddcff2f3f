// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned/fake"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

const deadline = 30 * time.Second

// world holds a log, an engine and a clock, with a Schedules over them that writes to the log.
type world struct {
	t      *testing.T
	ctx    context.Context
	log    *etcd.Log
	engine *engine.Engine
	clock  *clocktesting.FakeClock
	writes atomic.Int64
	// refused is the name of an object whose writes fail.
	refused  atomic.Value
	refusals atomic.Int64
	stop     func()
}

func newWorld(t *testing.T, now string) *world {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	log := etcd.New(etcdtest.Start(t).Client, "/muster")
	w := &world{t: t, ctx: ctx, log: log, engine: engine.New(log, engine.DefaultOptions()), clock: clocktesting.NewFakeClock(at(t, now))}
	var tasks sync.WaitGroup
	t.Cleanup(tasks.Wait)
	t.Cleanup(cancel)
	tasks.Go(func() { _ = w.engine.Run(ctx) })
	w.start()
	return w
}

func (w *world) start() {
	client := fake.NewClientset()
	client.PrependReactor("patch", "*", w.patch)
	ctx, cancel := context.WithCancel(w.ctx)
	var done sync.WaitGroup
	done.Go(func() {
		_ = New(Options{Engine: w.engine, Client: client, Clock: w.clock, Local: time.UTC}).Run(ctx)
	})
	w.stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	w.t.Cleanup(w.stop)
}

// patch does to the log what the API server does with a merge patch of a status.
func (w *world) patch(action clienttesting.Action) (bool, runtime.Object, error) {
	patch := action.(clienttesting.PatchAction)
	require.Equal(w.t, "status", patch.GetSubresource())
	if patch.GetName() == w.refused.Load() {
		w.refusals.Add(1)
		return true, nil, apierrors.NewForbidden(v1alpha1.Resource("schedules"), patch.GetName(), errors.New("a webhook says so"))
	}
	kind, name := patch.GetResource().Resource, record.Name{Namespace: patch.GetNamespace(), Name: patch.GetName()}
	for {
		v, err := w.engine.Barrier(w.ctx)
		if err != nil {
			return true, nil, err
		}
		item, ok := v.Get(kind, name).(*view.Object)
		if !ok {
			return true, nil, apierrors.NewNotFound(v1alpha1.Resource(kind), name.Name)
		}
		object := item.Render().DeepCopyObject().(record.APIObject)
		if s, ok := object.(*v1alpha1.Schedule); ok {
			s.Status.Conditions, s.Status.MatchingClusters = nil, nil // a merge patch replaces lists
		}
		if err := json.Unmarshal(patch.GetPatch(), object); err != nil {
			return true, nil, err
		}
		txn := etcd.Txn{Unchanged: map[record.Key]int64{}, Put: map[record.Key][]byte{}}
		key := record.ReportKey(kind, name)
		txn.Unchanged[key] = item.ReportRevision
		txn.Put[key], err = (&record.Report{Status: object, UID: object.GetUID()}).Encode()
		if err != nil {
			return true, nil, err
		}
		_, ok, err = w.log.Commit(w.ctx, txn)
		if err != nil {
			return true, nil, err
		}
		if ok {
			w.writes.Add(1)
			return true, object, nil
		}
	}
}

func (w *world) save(kind string, object record.APIObject) {
	w.t.Helper()
	w.write(kind, record.Name{Namespace: object.GetNamespace(), Name: object.GetName()}, &record.Object{Object: object})
}

func (w *world) write(kind string, name record.Name, r *record.Object) {
	w.t.Helper()
	key := record.ObjectKey(kind, name)
	for ok := false; !ok; {
		v, err := w.engine.Barrier(w.ctx)
		require.NoError(w.t, err)
		plan, err := w.engine.Plan(context.Background(), engine.Proposal{Resource: kind, Name: name, Object: r})
		require.NoError(w.t, err)
		txn := plan.Txn()
		txn.Unchanged[key] = 0
		if item := v.Get(kind, name); item != nil {
			txn.Unchanged[key] = item.(*view.Object).RecordRevision
		}
		if r != nil {
			txn.Put[key], err = r.Encode()
			require.NoError(w.t, err)
		} else {
			txn.Delete = append(txn.Delete, key, record.ReportKey(kind, name))
		}
		_, ok, err = w.log.Commit(w.ctx, txn)
		require.NoError(w.t, err)
	}
}

func metaOf(name string, generation int64) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "fleet", Name: name, UID: types.UID("uid-" + name), Generation: generation}
}

func (w *world) cluster(name string, labels map[string]string) {
	w.t.Helper()
	c := &v1alpha1.Cluster{ObjectMeta: metaOf(name, 1)}
	c.Labels = labels
	w.save(record.Clusters, c)
}

// schedule writes a Schedule for the Clusters with a label.
func (w *world) schedule(name string, generation int64, cron, duration, key string) {
	w.t.Helper()
	s := &v1alpha1.Schedule{ObjectMeta: metaOf(name, generation), Spec: *specOf(cron, duration, "")}
	s.Spec.Targets.Clusters[0].ClusterSelector = &metav1.LabelSelector{MatchLabels: map[string]string{key: ""}}
	w.save(resource, s)
}

// on returns one label.
func on(key string) map[string]string { return map[string]string{key: ""} }

// is waits until each Cluster is as wanted: "open", "closed", or "free" of Schedules.
func (w *world) is(want map[string]string) {
	w.t.Helper()
	var have map[string]string
	require.Eventually(w.t, func() bool {
		have = map[string]string{}
		v, err := w.engine.Barrier(w.ctx)
		if err != nil {
			return false
		}
		for item := range v.All(record.Clusters, record.Name{}) {
			have[item.Name().Name] = map[flags]string{{}: "free", {true, false}: "closed", {true, true}: "open"}[flagsOf(item.(*view.Object))]
		}
		for name := range want {
			if have[name] != want[name] {
				return false
			}
		}
		return true
	}, deadline/2, 2*time.Millisecond, "want %v", want)
}

func (w *world) status(name string) *v1alpha1.ScheduleStatus {
	v, err := w.engine.Barrier(w.ctx)
	require.NoError(w.t, err)
	item := v.Get(resource, record.Name{Namespace: "fleet", Name: name})
	if item == nil {
		return nil
	}
	return &item.Render().(*v1alpha1.Schedule).Status
}

// passes waits until the controller sleeps, and sets the clock.
func (w *world) passes(to string) {
	w.t.Helper()
	require.Eventually(w.t, w.clock.HasWaiters, deadline/2, time.Millisecond)
	w.clock.SetTime(at(w.t, to))
}

type are = map[string]string

func TestAWindowOpensAndCloses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	w.cluster("c2", nil)
	w.schedule("s", 1, "0 0 22 * * *", "1h", "a")
	w.is(are{"c1": "closed", "c2": "free"})
	require.Equal(t, []string{"c1"}, w.status("s").MatchingClusters)
	require.Equal(t, "True", w.status("s").Conditions[0].Status)
	w.passes("2026-03-01T22:00:00Z")
	w.is(are{"c1": "open", "c2": "free"})
	require.True(t, w.status("s").Active)
	w.passes("2026-03-01T23:00:00Z")
	w.is(are{"c1": "closed", "c2": "free"})
	require.False(t, w.status("s").Active)
	require.Equal(t, at(t, "2026-03-02T22:00:00Z"), w.status("s").NextStartTime.UTC())
	w.write(resource, record.Name{Namespace: "fleet", Name: "s"}, nil)
	w.is(are{"c1": "free", "c2": "free"})
}

func TestAWindowStaysOpenOverARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	w.schedule("s", 1, "0 0 22 * * *", "1h", "a")
	w.is(are{"c1": "closed"})
	w.stop()
	w.clock.SetTime(at(t, "2026-03-01T22:10:00Z"))
	w.start()
	w.is(are{"c1": "open"})
	w.stop()
	before := w.writes.Load()
	w.start()
	w.passes("2026-03-01T22:59:59Z")
	w.is(are{"c1": "open"})
	require.Equal(t, before, w.writes.Load(), "a restart writes nothing")
	w.stop()
	w.clock.SetTime(at(t, "2026-03-01T23:00:00Z"))
	w.start()
	w.is(are{"c1": "closed"})
}

func TestAChangeInsideAWindowClosesIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	w.cluster("c2", nil)
	w.schedule("s", 1, "0 0 22 * * *", "1h", "a")
	w.is(are{"c1": "closed"})
	w.passes("2026-03-01T22:00:00Z")
	w.is(are{"c1": "open"})
	w.schedule("s", 2, "0 0 22 * * *", "2h", "a")
	w.is(are{"c1": "closed"})
	w.passes("2026-03-02T22:00:00Z")
	w.is(are{"c1": "open"})
	w.cluster("c2", on("a"))
	w.is(are{"c1": "closed", "c2": "closed"})
	w.passes("2026-03-03T22:00:00Z")
	w.is(are{"c1": "open", "c2": "open"})
	w.cluster("c1", nil)
	w.is(are{"c1": "free", "c2": "closed"})
}

func TestOneOpenWindowIsEnough(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T20:00:00Z")
	w.cluster("both", map[string]string{"a": "", "b": ""})
	w.cluster("one", on("b"))
	w.schedule("early", 1, "0 0 21 * * *", "2h", "a")
	w.schedule("late", 1, "0 0 22 * * *", "2h", "b")
	w.is(are{"both": "closed", "one": "closed"})
	w.passes("2026-03-01T21:00:00Z")
	w.is(are{"both": "open", "one": "closed"})
	w.passes("2026-03-01T22:00:00Z")
	w.is(are{"both": "open", "one": "open"})
	w.passes("2026-03-01T23:00:00Z")
	require.Eventually(t, func() bool { return !w.status("early").Active }, deadline/2, 2*time.Millisecond)
	w.is(are{"both": "open", "one": "open"})
	w.passes("2026-03-02T00:00:00Z")
	w.is(are{"both": "closed", "one": "closed"})
}

func TestAScheduleThatIsWrongSaysSoAndKeepsWhatItGovernsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	w.cluster("c2", on("b"))
	w.schedule("s", 1, "0 0 22 * * *", "1h", "a")
	w.schedule("never right", 1, "* * *", "1h", "b")
	w.is(are{"c1": "closed", "c2": "free"})
	w.passes("2026-03-01T22:00:00Z")
	w.is(are{"c1": "open"})
	w.schedule("s", 2, "0 0 22 * * *", "24h", "a")
	w.is(are{"c1": "closed", "c2": "free"})
	ready := w.status("s").Conditions[0]
	require.Equal(t, "False", ready.Status)
	require.Equal(t, "duration is too long and overlaps with the next execution time", ready.Message)
	w.schedule("s", 3, "0 0 22 * * *", "2h", "a")
	require.Eventually(t, func() bool { return w.status("s").Conditions[0].Status == "True" }, deadline/2, 2*time.Millisecond)
	w.is(are{"c1": "closed"})
	w.passes("2026-03-02T22:00:00Z")
	w.is(are{"c1": "open"})
}

func TestAGroupGovernsItsClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	s := &v1alpha1.Schedule{ObjectMeta: metaOf("s", 1), Spec: *specOf("0 0 22 * * *", "1h", "")}
	s.Spec.Targets.Clusters = []v1alpha1.ScheduleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: "g"}}}
	w.save(resource, s)
	require.Eventually(t, func() bool { return len(w.status("s").Conditions) == 1 }, deadline/2, 2*time.Millisecond)
	w.is(are{"c1": "free"})
	g := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("g", 1)}
	g.Spec.Selector = &metav1.LabelSelector{MatchLabels: on("a")}
	w.save(record.ClusterGroups, g)
	w.is(are{"c1": "closed"})
}

func TestAScheduleThatIsBeingDeletedGovernsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	w.schedule("s", 1, "0 0 22 * * *", "1h", "a")
	w.is(are{"c1": "closed"})
	deleted := &v1alpha1.Schedule{ObjectMeta: metaOf("s", 2), Spec: *specOf("0 0 22 * * *", "1h", "")}
	deleted.Finalizers, deleted.DeletionTimestamp = []string{"example.com/held"}, &metav1.Time{Time: at(t, "2026-03-01T21:00:00Z")}
	w.save(resource, deleted)
	w.is(are{"c1": "free"})
}

// TestReportsOfAgentsCauseNoPass holds because reports come all the time.
func TestReportsOfAgentsCauseNoPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	before, err := w.engine.Barrier(w.ctx)
	require.NoError(t, err)
	status := &v1alpha1.Cluster{}
	status.Status.Agent.Namespace = "agent"
	data, err := (&record.Report{Status: status, UID: "uid-c1"}).Encode()
	require.NoError(t, err)
	_, ok, err := w.log.Commit(w.ctx, etcd.Txn{Put: map[record.Key][]byte{record.ReportKey(record.Clusters, record.Name{Namespace: "fleet", Name: "c1"}): data}})
	require.NoError(t, err)
	require.True(t, ok)
	after, err := w.engine.Barrier(w.ctx)
	require.NoError(t, err)
	revisions, err := after.Since(before.Revision)
	require.NoError(t, err)
	require.False(t, concerns(revisions))
	w.cluster("c1", nil)
	after, err = w.engine.Barrier(w.ctx)
	require.NoError(t, err)
	revisions, err = after.Since(before.Revision)
	require.NoError(t, err)
	require.True(t, concerns(revisions))
}
