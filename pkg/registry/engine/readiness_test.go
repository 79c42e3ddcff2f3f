// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/freshness"
	"github.com/musterfleet/muster/test/flakyproxy"
)

func ended(ctx context.Context) bool { return ctx.Err() != nil }

// partitions are the ways in which etcd goes away.
var partitions = map[string]func(*flakyproxy.Proxy){
	"when the connection breaks":             (*flakyproxy.Proxy).Cut,
	"when the connection is open and silent": (*flakyproxy.Proxy).Stall,
}

func TestAnEngineWithoutEtcdIsUnreadyInSecondsAndReadyAfterwards(t *testing.T) {
	t.Parallel()
	for name, takeAway := range partitions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, server := withDeadline(t), etcdtest.Start(t)
			proxy := flakyproxy.Start(t, server.Address())
			near := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
			far := running(ctx, t, etcd.New(server.Dial(t, proxy.Address), "/muster"), 1000)
			save(ctx, t, near, onWith("c1", "x"), on("c2"), app("v1", false))
			old := barrier(ctx, t, far)
			require.NoError(t, far.Ready())
			lost := far.Unready()

			takeAway(proxy)
			began := time.Now()
			revision := save(ctx, t, near, app("v2", true))
			select {
			case <-lost.Done():
			case <-ctx.Done():
				require.Fail(t, "it never noticed")
			}
			require.LessOrEqual(t, time.Since(began), freshness.LostAfter+2*time.Second)
			err := far.Ready()
			require.ErrorIs(t, err, ErrNotReady)
			require.ErrorContains(t, err, "etcd lost")
			require.ErrorContains(t, far.Reached(), "etcd last answered")
			require.Eventually(t, func() bool { return strings.Contains(far.Ready().Error(), "last error") }, deadline/2, 10*time.Millisecond)
			require.NoError(t, near.Reached())
			v, err := far.Current()
			require.NoError(t, err)
			require.Equal(t, old.Revision, v.Revision)
			require.NoError(t, near.Ready(), "the other is well")
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			_, err = far.Barrier(short)
			require.Error(t, err, "a client that asks for the present gets no old view")

			proxy.Mend()
			require.Eventually(t, func() bool { return far.Ready() == nil }, deadline/2, 10*time.Millisecond)
			v, err = far.Current()
			require.NoError(t, err)
			require.GreaterOrEqual(t, v.Revision, revision, "ready means that what was missed is in")
			require.Equal(t, shown(barrier(ctx, t, near)), shown(v))
			require.False(t, ended(far.Unready()))
		})
	}
}

// TestAnEngineThatIsStuckIsUnready covers an etcd that answers while the view does not
// follow.
func TestAnEngineThatIsStuckIsUnready(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := New(etcd.New(server.Client, "/muster"), Options{History: testLimits, LoadBehind: 1000})
	e.pulse.SetPatience(3 * time.Second)
	started(ctx, t, e)
	barrier(ctx, t, e)
	require.NoError(t, e.Ready())
	e.state.Lock()
	_, err := server.Client.Put(ctx, "/muster/log/object/clusters/fleet/c1", "{}")
	require.NoError(t, err)
	<-e.Unready().Done()
	// The pulse that finds out may still be waiting when the last good one expires.
	require.Eventually(t, func() bool {
		err := e.Ready()
		require.ErrorIs(t, err, ErrNotReady)
		return e.pulse.Failure() != nil
	}, deadline/2, 10*time.Millisecond)
	require.ErrorContains(t, e.Ready(), "behind: at revision 1, etcd at 2")
	require.NoError(t, e.Reached(), "etcd answers")
	e.state.Unlock()
	require.Eventually(t, func() bool { return e.Ready() == nil }, deadline/2, 10*time.Millisecond)
}

func TestAnIdleEngineStaysReadyWhileOthersWrite(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	barrier(ctx, t, e)
	lost := e.Unready()
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for until := time.Now().Add(freshness.LostAfter + time.Second); time.Now().Before(until); <-ticks.C {
		_, err := server.Client.Put(ctx, "/foreign", "x")
		require.NoError(t, err)
		require.NoError(t, e.Ready())
		require.False(t, ended(lost))
	}
}

func TestAnEngineThatStartsWithoutEtcdReportsIt(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	proxy := flakyproxy.Start(t, server.Address())
	proxy.Stall()
	e := New(etcd.New(server.Dial(t, proxy.Address), "/muster"), DefaultOptions())
	require.ErrorContains(t, e.Ready(), "warming up")
	e = running(ctx, t, e.log, 1000)
	require.Eventually(t, func() bool { return e.pulse.Failure() != nil }, deadline/2, 10*time.Millisecond)
	require.ErrorContains(t, e.Ready(), "etcd lost: it has not answered yet")
	require.ErrorContains(t, e.Reached(), "has not answered yet")
	proxy.Mend()
	require.Eventually(t, func() bool { return e.Ready() == nil }, deadline/2, 10*time.Millisecond)
	require.NoError(t, e.Reached())
	require.ErrorContains(t, (&Engine{pulse: freshness.New()}).Ready(), "etcd has not answered yet")
}
