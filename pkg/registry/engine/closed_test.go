// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// remembering makes an engine close itself after a restore.
func remembering(known Mark) func(*Options) {
	return func(o *Options) {
		o.Known = &known
		o.HowToOpen = func(cluster uint64) string { return fmt.Sprintf("open %x", cluster) }
	}
}

// another starts an etcd of another cluster.
func another(t *testing.T, token string) *etcdtest.Server {
	return etcdtest.Start(t, func(config *embed.Config) { config.InitialClusterToken = token })
}

// awaitClosed waits until an engine has loaded what another etcd holds, and returns it.
func awaitClosed(t *testing.T, e *Engine) *Restored {
	t.Helper()
	require.Eventually(t, func() bool { return e.Restored() != nil && e.Closed() }, deadline, pollEvery)
	require.ErrorIs(t, e.Ready(), ErrClosed)
	require.ErrorIs(t, e.Ready(), ErrNotReady)
	return e.Restored()
}

// deployed returns the deployment IDs of a view, by name.
func deployed(v *view.View) map[record.Name]string { return maps.Collect(DeploymentsOf(v)) }

// expected is the oracle of Compare: it looks up each name.
func expected(before, after map[record.Name]string) (d Difference) {
	for name, was := range before {
		is, there := after[name]
		switch {
		case !there:
			d.Uninstall++
		case is != was:
			d.Change++
		}
	}
	for name := range after {
		if _, was := before[name]; !was {
			d.Install++
		}
	}
	return d
}

func TestARestoredEtcdIsNotShownUntilItIsOpened(t *testing.T) {
	t.Parallel()
	ctx := withDeadline(t)
	l := loseEtcd(ctx, t, remembering(Mark{}))
	before, ok := l.engine.Mark()
	require.True(t, ok)
	require.NotZero(t, before.Cluster)
	require.GreaterOrEqual(t, before.Revision, l.last.Revision)
	unready, restored := l.engine.Unready(), another(t, "restored")
	l.fill(ctx, t, restored, l.last.Revision+100)
	l.restore(restored)

	closed := awaitClosed(t, l.engine)
	require.True(t, ended(unready), "watches have ended")
	require.Equal(t, before.Cluster, closed.Accepted)
	require.NotEqual(t, before.Cluster, closed.Cluster)
	require.Equal(t, l.atSnapshot, shown(closed.View))
	require.Same(t, l.last, closed.Shown)
	want := expected(deployed(l.last), deployed(closed.View))
	require.NotZero(t, want.Uninstall)
	require.Equal(t, want, closed.Difference)
	require.ErrorContains(t, l.engine.Ready(), want.String())
	require.ErrorContains(t, l.engine.Ready(), fmt.Sprintf("open %x", closed.Cluster))
	require.NoError(t, l.engine.Reached(), "etcd answers")
	_, ok = l.engine.Mark()
	require.False(t, ok, "no mark of what clients may not see")
	v, err := l.engine.Current()
	require.NoError(t, err)
	require.Same(t, l.last, v, "nothing is published")
	short, cancel := context.WithCancel(ctx)
	cancel()
	_, err = l.engine.Barrier(short)
	require.Error(t, err)
	_, err = l.engine.Plan(ctx, Proposal{Resource: record.Bundles})
	require.Error(t, err, "nothing is written")

	l.engine.Open(before.Cluster)
	l.engine.Open(closed.Cluster + 1)
	require.ErrorIs(t, l.engine.Ready(), ErrClosed, "only the ID of the cluster that answers opens it")

	l.engine.Open(closed.Cluster)
	require.Eventually(t, func() bool { return l.engine.Ready() == nil }, deadline, pollEvery)
	require.Nil(t, l.engine.Restored())
	v = barrier(ctx, t, l.engine)
	require.Equal(t, l.atSnapshot, shown(v))
	_, err = v.Since(l.last.Revision)
	require.ErrorIs(t, err, view.ErrCompacted, "no client continues from the lost history")
	save(ctx, t, l.engine, on("c5"))
	require.Len(t, shown(barrier(ctx, t, l.engine)), len(l.atSnapshot)+1)
	after, ok := l.engine.Mark()
	require.True(t, ok)
	require.Equal(t, closed.Cluster, after.Cluster)
}

// TestAClosedReplicaComparesAnotherRestoreWithWhatItShowed restores twice, as an operator does
// after the comparison shows the wrong snapshot.
func TestAClosedReplicaComparesAnotherRestoreWithWhatItShowed(t *testing.T) {
	t.Parallel()
	ctx := withDeadline(t)
	l := loseEtcd(ctx, t, remembering(Mark{}))
	first, second := another(t, "first"), another(t, "second")
	advance(ctx, t, first, l.last.Revision+300)
	l.restore(first)
	closed := awaitClosed(t, l.engine)
	require.False(t, l.engine.Continues())
	require.Empty(t, deployed(closed.View), "an empty etcd")
	require.Equal(t, Difference{Uninstall: len(deployed(l.last))}, closed.Difference)

	l.fill(ctx, t, second, l.last.Revision+200) // no client has seen the revisions of the first
	l.restore(second)
	require.Eventually(t, func() bool {
		now := l.engine.Restored()
		return now != nil && now.Cluster != closed.Cluster
	}, deadline, pollEvery)
	closed = awaitClosed(t, l.engine)
	require.Same(t, l.last, closed.Shown)
	require.Equal(t, expected(deployed(l.last), deployed(closed.View)), closed.Difference)
	l.engine.Open(closed.Cluster)
	require.Eventually(t, func() bool { return l.engine.Ready() == nil && l.engine.Continues() }, deadline, pollEvery)
}

// TestAStartComparesEtcdWithTheMark covers a replica that starts after a restore.
func TestAStartComparesEtcdWithTheMark(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	ctx := withDeadline(t)
	save(ctx, t, running(ctx, t, etcd.New(server.Client, "/muster"), 1), onWith("c1", "x"), on("c2"), app("v1", false))
	advance(ctx, t, server, 50)
	response, err := server.Client.Get(ctx, "/x")
	require.NoError(t, err)
	cluster, revision := response.Header.ClusterId, response.Header.Revision
	const margin = 1000 // the engines of the other cases create a revision each time they start
	for name, tc := range map[string]struct {
		known Mark
		want  error
	}{
		"the first start":                       {Mark{}, nil},
		"the same etcd":                         {Mark{cluster, revision}, nil},
		"the same etcd, some time later":        {Mark{cluster, revision - 40}, nil},
		"an etcd that went back in time":        {Mark{cluster, revision + margin}, ErrRewound},
		"a restored etcd":                       {Mark{cluster + 1, revision - MarkMargin}, ErrClosed},
		"a restored etcd, with a tiny bump":     {Mark{cluster + 1, revision - 1}, ErrRewound},
		"a restored etcd that went back":        {Mark{cluster + 1, revision + margin}, ErrRewound},
		"a mark that holds only a revision":     {Mark{0, revision - 40}, nil},
		"a mark that holds a revision too high": {Mark{0, revision + margin}, ErrRewound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := withDeadline(t)
			options := Options{History: testLimits, LoadBehind: 1}
			remembering(tc.known)(&options)
			e := started(ctx, t, New(etcd.New(server.Client, "/muster"), options))
			if tc.want == nil {
				require.Eventually(t, func() bool { return e.Ready() == nil }, deadline, pollEvery)
				return
			}
			require.Eventually(t, func() bool {
				err := e.Ready()
				require.Error(t, err)
				return errors.Is(err, tc.want)
			}, deadline, pollEvery, "%v", e.Ready())
			if errors.Is(tc.want, ErrRewound) {
				require.ErrorContains(t, e.Ready(), "--bump-revision")
				_, err := e.Current()
				require.ErrorIs(t, err, ErrNotReady, "nothing was loaded")
				return
			}
			closed := awaitClosed(t, e)
			require.Nil(t, closed.Shown)
			require.Len(t, deployed(closed.View), 2)
			e.Open(cluster)
			require.Eventually(t, func() bool { return e.Ready() == nil }, deadline, pollEvery)
		})
	}
}

func TestCompareFindsEachDifference(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		before, after := map[record.Name]string{}, map[record.Name]string{}
		for _, side := range []map[record.Name]string{before, after} {
			for range random.IntN(8) {
				side[record.Name{Namespace: fmt.Sprint("n", random.IntN(3)), Name: fmt.Sprint("d", random.IntN(4))}] = fmt.Sprint("s", random.IntN(2))
			}
		}
		told := maps.Clone(before)
		got := Compare(ordered(before), ordered(after), func(name record.Name, was, is string) {
			require.Equal(t, told[name], was)
			if told[name] = is; is == "" {
				delete(told, name)
			}
		})
		require.Equal(t, expected(before, after), got)
		require.Equal(t, after, told, "the differences lead from one to the other")
	}
}

func ordered(of map[record.Name]string) Deployments {
	return func(yield func(record.Name, string) bool) {
		for _, name := range slices.SortedFunc(maps.Keys(of), record.Name.Compare) {
			if !yield(name, of[name]) {
				return
			}
		}
	}
}
