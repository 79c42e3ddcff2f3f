// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned/fake"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// world holds an engine and a clock, with a Schedules over them that writes to the log.
type world struct {
	*controllertest.Engine

	clock  *clocktesting.FakeClock
	writes atomic.Int64
	// refused is the name of an object whose writes fail.
	refused  atomic.Value
	refusals atomic.Int64
	stop     func()
}

func newWorld(t *testing.T, now string) *world {
	w := &world{Engine: controllertest.Start(t, etcd.New(etcdtest.Start(t).Client, "/muster")), clock: clocktesting.NewFakeClock(at(t, now))}
	w.start()
	return w
}

func (w *world) start() {
	client := fake.NewClientset()
	client.PrependReactor("patch", "*", w.patch)
	w.stop = w.Background(New(Options{Engine: w.Engine, Client: client, Clock: w.clock, Local: time.UTC}).Run)
}

// patch does to the log what the API server does with a merge patch of a status.
func (w *world) patch(action clienttesting.Action) (bool, runtime.Object, error) {
	patch := action.(clienttesting.PatchAction)
	require.Equal(w.T, "status", patch.GetSubresource())
	if patch.GetName() == w.refused.Load() {
		w.refusals.Add(1)
		return true, nil, apierrors.NewForbidden(v1alpha1.Resource("schedules"), patch.GetName(), errors.New("a webhook says so"))
	}
	kind, name := patch.GetResource().Resource, record.Name{Namespace: patch.GetNamespace(), Name: patch.GetName()}
	for {
		v, err := w.Barrier(w.Ctx)
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
		_, ok, err = w.Log.Commit(w.Ctx, txn)
		if err != nil {
			return true, nil, err
		}
		if ok {
			w.writes.Add(1)
			return true, object, nil
		}
	}
}

func (w *world) cluster(name string, labels map[string]string) {
	w.T.Helper()
	c := &v1alpha1.Cluster{ObjectMeta: controllertest.Meta(name, 1)}
	c.Labels = labels
	w.Save(c)
}

// schedule writes a Schedule for the Clusters with a label.
func (w *world) schedule(name string, generation int64, cron, duration, key string) {
	w.T.Helper()
	s := &v1alpha1.Schedule{ObjectMeta: controllertest.Meta(name, generation), Spec: *specOf(cron, duration, "")}
	s.Spec.Targets.Clusters[0].ClusterSelector = &metav1.LabelSelector{MatchLabels: map[string]string{key: ""}}
	w.Save(s)
}

// on returns one label.
func on(key string) map[string]string { return map[string]string{key: ""} }

// is waits until each Cluster is as wanted: "open", "closed", or "free" of Schedules.
func (w *world) is(want map[string]string) {
	w.T.Helper()
	var have map[string]string
	w.Eventually(func() bool {
		have = map[string]string{}
		for item := range w.View().All(record.Clusters, record.Name{}) {
			have[item.Name().Name] = map[flags]string{{}: "free", {true, false}: "closed", {true, true}: "open"}[flagsOf(item.(*view.Object))]
		}
		for name := range want {
			if have[name] != want[name] {
				return false
			}
		}
		return true
	}, "want %v", want)
}

func (w *world) status(name string) *v1alpha1.ScheduleStatus {
	item := w.View().Get(resource, record.Name{Namespace: "fleet", Name: name})
	if item == nil {
		return nil
	}
	return &item.Render().(*v1alpha1.Schedule).Status
}

// passes waits until the controller sleeps, and sets the clock.
func (w *world) passes(to string) {
	w.T.Helper()
	w.Eventually(w.clock.HasWaiters)
	w.clock.SetTime(at(w.T, to))
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
	w.Delete(resource, "fleet", "s")
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
	w.Eventually(func() bool { return !w.status("early").Active })
	w.is(are{"both": "open", "one": "open"})
	w.passes("2026-03-02T00:00:00Z")
	w.is(are{"both": "closed", "one": "closed"})
}

func TestAnInvalidScheduleReportsItAndKeepsItsClustersClosed(t *testing.T) {
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
	w.Eventually(func() bool { return w.status("s").Conditions[0].Status == "True" })
	w.is(are{"c1": "closed"})
	w.passes("2026-03-02T22:00:00Z")
	w.is(are{"c1": "open"})
}

func TestAGroupGovernsItsClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	s := &v1alpha1.Schedule{ObjectMeta: controllertest.Meta("s", 1), Spec: *specOf("0 0 22 * * *", "1h", "")}
	s.Spec.Targets.Clusters = []v1alpha1.ScheduleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: "g"}}}
	w.Save(s)
	w.Eventually(func() bool { return len(w.status("s").Conditions) == 1 })
	w.is(are{"c1": "free"})
	g := &v1alpha1.ClusterGroup{ObjectMeta: controllertest.Meta("g", 1)}
	g.Spec.Selector = &metav1.LabelSelector{MatchLabels: on("a")}
	w.Save(g)
	w.is(are{"c1": "closed"})
}

func TestAScheduleThatIsBeingDeletedGovernsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	w.schedule("s", 1, "0 0 22 * * *", "1h", "a")
	w.is(are{"c1": "closed"})
	deleted := &v1alpha1.Schedule{ObjectMeta: controllertest.Meta("s", 2), Spec: *specOf("0 0 22 * * *", "1h", "")}
	deleted.Finalizers, deleted.DeletionTimestamp = []string{"example.com/held"}, &metav1.Time{Time: at(t, "2026-03-01T21:00:00Z")}
	w.Save(deleted)
	w.is(are{"c1": "free"})
}

// TestReportsOfAgentsCauseNoPass holds because reports come all the time.
func TestReportsOfAgentsCauseNoPass(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:00:00Z")
	w.cluster("c1", on("a"))
	before := w.View()
	status := &v1alpha1.Cluster{}
	status.Status.Agent.Namespace = "agent"
	w.Report(record.Clusters, record.Name{Namespace: "fleet", Name: "c1"}, &record.Report{Status: status, UID: "uid-of-c1"})
	revisions, err := w.View().Since(before.Revision)
	require.NoError(t, err)
	require.False(t, concerns(revisions))
	w.cluster("c1", nil)
	revisions, err = w.View().Since(before.Revision)
	require.NoError(t, err)
	require.True(t, concerns(revisions))
}
