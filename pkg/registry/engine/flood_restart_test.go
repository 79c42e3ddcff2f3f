// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state/statetest"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// commitEach writes each record in a revision of its own.
func commitEach(ctx context.Context, t testing.TB, log *etcd.Log, records ...etcd.Record) {
	t.Helper()
	for _, r := range records {
		_, ok, err := log.Commit(ctx, etcd.Txn{Put: map[record.Key][]byte{r.Key: r.Value}})
		require.NoError(t, err)
		require.True(t, ok)
	}
}

// flood writes a flood, and the reports on it, through a running engine.
func flood(ctx context.Context, t testing.TB, log *etcd.Log, e *Engine, bundles, objects int) []*v1alpha1.BundleDeployment {
	t.Helper()
	for _, object := range statetest.Flood(bundles) {
		commitEach(ctx, t, log, encoded(t, object, 0))
	}
	v, err := e.Barrier(ctx)
	require.NoError(t, err)
	all := statetest.Flooded(v, objects)
	require.Len(t, all, bundles)
	for _, bd := range all {
		commitEach(ctx, t, log, onReport(t, bd, 0))
	}
	return all
}

// patched returns a report with a small change that depends on n.
func patched(t testing.TB, bd *v1alpha1.BundleDeployment, n int) etcd.Record {
	bd.Status.Resources[n].Name = fmt.Sprint("renamed-", n)
	bd.Status.ResourceCounts.Ready = n
	return onReport(t, bd, 0)
}

// shownBy returns everything that a view shows, without resourceVersions.
func shownBy(t *testing.T, v *view.View) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, resource := range allResources {
		for item := range v.All(resource, record.Name{}) {
			out[resource+"/"+item.Name().String()] = asJSON(t, item.Render())
		}
	}
	return out
}

// TestAReplayOfLargeReportsGivesTheSameHistory checks reports that are decoded out of turn and
// applied in turn. Each revision that changes something is in the history of both engines.
func TestAReplayOfLargeReportsGivesTheSameHistory(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster")
	live := running(ctx, t, log, 1000)
	all := flood(ctx, t, log, live, 3, 4000)
	from := barrier(ctx, t, live).Revision
	var writers sync.WaitGroup
	for i, bd := range all {
		writers.Go(func() {
			for n := range 10 {
				commitEach(ctx, t, log, patched(t, bd, n))
				small := clusterOf(fmt.Sprintf("other-%d-%d", i, n), nil)
				commitEach(ctx, t, log, encoded(t, small, 0)) // it overtakes nothing
			}
		})
	}
	writers.Wait()
	v := barrier(ctx, t, live)
	again := barrier(ctx, t, running(ctx, t, log, 1000))
	require.Equal(t, v.Revision, again.Revision)
	want, got := shownBy(t, v), shownBy(t, again)
	require.Len(t, got, len(want))
	for name, text := range want {
		require.Equal(t, text, got[name], "%s is shown differently", name)
	}
	for at := from + 1; at <= v.Revision; at++ {
		a, b := v.Exactly(at), again.Exactly(at)
		require.NotNil(t, a)
		require.NotNil(t, b)
		for _, resource := range allResources {
			x, y := a.Changes(resource, "", ""), b.Changes(resource, "", "")
			require.Len(t, y, len(x), "%s at %d", resource, at)
			for i := range x {
				require.Equal(t, x[i].Name, y[i].Name)
				if x[i].Next != nil {
					require.Equal(t, x[i].Next.Version(), y[i].Next.Version())
				}
			}
		}
	}
}

// BenchmarkRestartAfterFlood starts with 30 reports that list as many objects as fit, and
// with a history of small changes of one of them.
func BenchmarkRestartAfterFlood(b *testing.B) {
	ctx, server := b.Context(), etcdtest.Start(b)
	log := etcd.New(server.Client, "/muster")
	first, stop := context.WithCancel(ctx)
	live := New(log, DefaultOptions())
	var ended sync.WaitGroup
	ended.Go(func() { _ = live.Run(first) })
	all := flood(ctx, b, log, live, 30, statetest.FloodObjects)
	stop()
	ended.Wait()
	for n := range 200 {
		commitEach(ctx, b, log, patched(b, all[0], n))
	}
	bytes := 0
	for _, bd := range all {
		bytes += len(onReport(b, bd, 0).Value)
	}
	for b.Loop() {
		ctx, cancel := context.WithCancel(ctx)
		e := New(log, Options{History: DefaultOptions().History, LoadBehind: 100_000})
		var done sync.WaitGroup
		done.Go(func() { _ = e.Run(ctx) })
		_, err := e.Barrier(ctx)
		require.NoError(b, err)
		cancel()
		done.Wait()
	}
	b.ReportMetric(float64(bytes), "record-B")
}
