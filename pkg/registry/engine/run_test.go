// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state/statetest"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/flakyproxy"
)

// deadline is how long a test waits for something immediate.
const deadline = 30 * time.Second

// The objects of tests have names that say what they are for.
var (
	clusterOf    = statetest.Cluster
	resourceOf   = statetest.ResourceOf
	nameOf       = statetest.NameOf
	recordOf     = statetest.RecordOf
	encoded      = statetest.Encoded
	app          = statetest.App
	on           = statetest.On
	onWith       = statetest.OnWith
	allResources = statetest.Resources
	shown        = statetest.Shown
	asJSON       = statetest.JSON
	onReport     = statetest.ReportOn
	testLimits   = view.Limits{Revisions: 64, Changes: 10_000}
)

func withDeadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// running starts an engine that stops with the context.
func running(ctx context.Context, t *testing.T, log *etcd.Log, loadBehind int64) *Engine {
	t.Helper()
	return started(ctx, t, New(log, Options{History: testLimits, LoadBehind: loadBehind}))
}

// started runs an engine until the test ends.
func started(ctx context.Context, t *testing.T, e *Engine) *Engine {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { _ = e.Run(ctx) })
	t.Cleanup(done.Wait)
	t.Cleanup(cancel)
	return e
}

// save writes objects as the store does: planned, guarded, and again if a guard does not
// hold.
func save(ctx context.Context, t *testing.T, e *Engine, objects ...record.APIObject) int64 {
	t.Helper()
	var revision int64
	for _, object := range objects {
		for ok := false; !ok; {
			v, err := e.Barrier(ctx)
			require.NoError(t, err)
			key := record.ObjectKey(resourceOf(object), nameOf(object))
			r := recordOf(object)
			plan, err := e.Plan(context.Background(), Proposal{Resource: key.Resource, Name: key.Name, Object: r})
			require.NoError(t, err)
			data, err := r.Encode()
			require.NoError(t, err)
			txn := etcd.Txn{Unchanged: plan.Unchanged, UnchangedSince: plan.UnchangedSince, Put: plan.Put, Delete: plan.Delete}
			txn.Put[key], txn.Unchanged[key] = data, 0
			if item := v.Get(key.Resource, key.Name); item != nil {
				txn.Unchanged[key] = item.(*view.Object).RecordRevision
			}
			revision, ok, err = e.log.Commit(ctx, txn)
			require.NoError(t, err)
		}
	}
	return revision
}

// barrier returns a view that holds everything committed before.
func barrier(ctx context.Context, t *testing.T, e *Engine) *view.View {
	t.Helper()
	v, err := e.Barrier(ctx)
	require.NoError(t, err)
	return v
}

func TestAnEngineIsReadyOnAnEmptyEtcd(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := New(etcd.New(server.Client, "/muster"), DefaultOptions())
	_, err := e.Current()
	require.ErrorIs(t, err, ErrNotReady)
	require.ErrorIs(t, e.Ready(), ErrNotReady)
	_, err = e.Plan(context.Background(), Proposal{Resource: record.Bundles})
	require.ErrorIs(t, err, ErrNotReady)

	e = running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	require.EqualValues(t, 1, barrier(ctx, t, e).Revision, "etcd has not written anything")
	require.NoError(t, e.Ready())
}

// TestABarrierIsReachedWhenNothingOfOursIsWritten covers such a revision, of which the log
// informs only clients that ask.
func TestABarrierIsReachedWhenNothingOfOursIsWritten(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	save(ctx, t, e, on("c1"))
	for range 50 {
		foreign, err := server.Client.Put(ctx, "/foreign", "x")
		require.NoError(t, err)
		v := barrier(ctx, t, e)
		require.GreaterOrEqual(t, v.Revision, foreign.Header.Revision)
		require.Equal(t, 1, v.Len(record.Clusters))
	}
}

func TestWaitingForARevisionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	barrier(ctx, t, e)
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err := e.WaitFor(short, 1000)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "revision 1000")
}

// TestReadersAfterAWriteSeeIt checks that no reader gets a view from before its own write,
// although concurrent readers share barriers.
func TestReadersAfterAWriteSeeIt(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster")
	one, other := running(ctx, t, log, 1000), running(ctx, t, log, 0)
	barrier(ctx, t, one)
	barrier(ctx, t, other)
	var writers sync.WaitGroup
	for n := range 8 {
		writers.Go(func() {
			for i := range 25 {
				c := clusterOf(fmt.Sprint("c", n), map[string]string{"i": fmt.Sprint(i)})
				r := recordOf(c)
				data, err := r.Encode()
				if err != nil {
					t.Error(err)
					return
				}
				key := record.ObjectKey(record.Clusters, nameOf(c))
				revision, _, err := log.Commit(ctx, etcd.Txn{Put: map[record.Key][]byte{key: data}})
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range []*Engine{one, other} {
					v, err := e.Barrier(ctx)
					if err != nil {
						t.Error(err)
						return
					}
					item := v.Get(record.Clusters, key.Name)
					if item == nil || item.Version() != view.VersionAt(revision) || item.Labels()["i"] != fmt.Sprint(i) {
						t.Errorf("the view at %d does not have the write at %d", v.Revision, revision)
					}
				}
			}
		})
	}
	writers.Wait()
}

func TestARestartReplaysHistory(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster")
	first := running(ctx, t, log, 1000)
	save(ctx, t, first, onWith("c1", "x"), on("c2"), app("v1", false), app("v2", true))
	for i := range 20 {
		save(ctx, t, first, onWith("c1", fmt.Sprint("x", i)))
	}
	before := barrier(ctx, t, first)
	require.Len(t, shown(before), 2)

	again := running(ctx, t, log, 10)
	after := barrier(ctx, t, again)
	require.Equal(t, shown(before), shown(after))
	require.Equal(t, before.Revision-10, after.Oldest)
	replayed, err := after.Since(after.Oldest)
	require.NoError(t, err)
	want, err := before.Since(after.Oldest)
	require.NoError(t, err)
	require.Len(t, replayed, len(want))
	for i, r := range want {
		require.Equal(t, r.At, replayed[i].At)
		for _, resource := range allResources {
			was, is := r.Placed(resource, "", ""), replayed[i].Placed(resource, "", "")
			require.Len(t, is.Changes, len(was.Changes))
			for k, change := range was.Changes {
				require.Equal(t, was.Version(k), is.Version(k))
				require.Equal(t, change.Name, is.Changes[k].Name)
				require.Equal(t, asJSON(t, change.Next.Render()), asJSON(t, is.Changes[k].Next.Render()))
				require.Equal(t, change.Next.Version(), is.Changes[k].Next.Version(), "same key and same content, same version")
			}
		}
	}
	_, err = after.Since(after.Oldest - 1)
	require.ErrorIs(t, err, view.ErrCompacted)
}

// TestAReplayThatTakesTooLongIsCutShort allows no time: no replay completes but the last one.
func TestAReplayThatTakesTooLongIsCutShort(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster")
	e := running(ctx, t, log, 1000)
	for i := range 200 {
		save(ctx, t, e, onWith("c1", fmt.Sprint(i)))
	}
	hurried := New(log, Options{History: testLimits, LoadBehind: 1000})
	hurried.replay.within = 0
	started(ctx, t, hurried)
	v := barrier(ctx, t, hurried)
	require.Equal(t, shown(barrier(ctx, t, e)), shown(v))
	require.Greater(t, v.Oldest, v.Revision-100)
	require.Less(t, v.Oldest, v.Revision, "the last one is replayed")
	require.Greater(t, hurried.Stats().Loads, int64(1))
}

// TestAStartFindsARevisionThatIsHeld covers a compaction that leaves fewer revisions than
// wanted, but some.
func TestAStartFindsARevisionThatIsHeld(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster")
	first := running(ctx, t, log, 1000)
	var last int64
	for i := range 40 {
		last = save(ctx, t, first, onWith("c1", fmt.Sprint("x", i)))
	}
	_, err := server.Client.Compact(ctx, last-20)
	require.NoError(t, err)
	v := barrier(ctx, t, running(ctx, t, log, 1000))
	require.Equal(t, last, v.Revision)
	require.GreaterOrEqual(t, v.Oldest, last-20)
	require.Less(t, v.Oldest, last-5, "a good part of what is held is replayed")
}

// TestCompactionWhileDisconnectedLoadsAnew checks that the state is made from the present
// records, and that nothing goes backwards meanwhile.
func TestCompactionWhileDisconnectedLoadsAnew(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	proxy := flakyproxy.Start(t, server.Address())
	near := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	far := running(ctx, t, etcd.New(server.Dial(t, proxy.Address), "/muster"), 1000)
	save(ctx, t, near, onWith("c1", "x"), on("c2"), app("v1", false))
	old := barrier(ctx, t, far)

	proxy.Cut()
	revision := save(ctx, t, near, app("v2", true), onWith("c2", "b"), on("c1"))
	for i := range 10 {
		revision = save(ctx, t, near, onWith("c3", fmt.Sprint("x", i)))
	}
	_, err := server.Client.Compact(ctx, revision)
	require.NoError(t, err)
	v, err := far.Current()
	require.NoError(t, err)
	require.Equal(t, shown(old), shown(v), "a view stays as long as no later one exists")

	proxy.Mend()
	v, err = far.WaitFor(ctx, revision)
	require.NoError(t, err)
	require.Equal(t, shown(barrier(ctx, t, near)), shown(v))
	require.Len(t, shown(v), 3)
	_, err = v.Since(old.Revision)
	require.ErrorIs(t, err, view.ErrCompacted, "the missed changes are not known")
}
