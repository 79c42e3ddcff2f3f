// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/flakyproxy"
)

const pollEvery = 10 * time.Millisecond

// lost is an engine whose etcd was lost after a snapshot and some edits.
type lost struct {
	engine *Engine
	// atSnapshot is the content of the snapshot. last is the content at the end.
	atSnapshot map[string]string
	snapshot   *clientv3.GetResponse
	last       *view.View
	// restore makes another etcd answer instead.
	restore func(*etcdtest.Server)
}

func loseEtcd(ctx context.Context, t *testing.T, choose ...func(*Options)) *lost {
	server := etcdtest.Start(t)
	proxy := flakyproxy.Start(t, server.Address())
	client := server.Dial(t, proxy.Address)
	options := Options{History: testLimits, LoadBehind: 1000}
	for _, each := range choose {
		each(&options)
	}
	e := started(ctx, t, New(etcd.New(client, "/muster"), options))
	save(ctx, t, e, onWith("c1", "x"), on("c2"), app("v1", false))
	l := &lost{engine: e, atSnapshot: shown(barrier(ctx, t, e))}
	var err error
	l.snapshot, err = server.Client.Get(ctx, "/", clientv3.WithFromKey())
	require.NoError(t, err)
	save(ctx, t, e, app("v2", false), on("c3"), on("c4"))
	l.last = barrier(ctx, t, e)
	require.NotEqual(t, l.atSnapshot, shown(l.last))
	l.restore = func(other *etcdtest.Server) {
		proxy.Cut()
		client.SetEndpoints(other.Address())
	}
	return l
}

// fill writes the snapshot into another etcd, and advances it to a revision.
func (l *lost) fill(ctx context.Context, t *testing.T, into *etcdtest.Server, revision int64) {
	for _, kv := range l.snapshot.Kvs {
		_, err := into.Client.Put(ctx, string(kv.Key), string(kv.Value))
		require.NoError(t, err)
	}
	advance(ctx, t, into, revision)
}

// advance brings an etcd to a revision.
func advance(ctx context.Context, t *testing.T, server *etcdtest.Server, revision int64) {
	for now := int64(0); now < revision; {
		response, err := server.Client.Put(ctx, "/foreign", "x")
		require.NoError(t, err)
		now = response.Header.Revision
	}
}

// restorations are the ways to restore an etcd ahead of the lost one. Each must be
// sufficient.
var restorations = map[string]struct {
	token     string
	compacted bool
}{
	"a new cluster token":                      {token: "restored"},
	"the old cluster token, marked compacted":  {compacted: true},
	"a new cluster token and marked compacted": {token: "restored", compacted: true},
}

func TestARestoredEtcdThatIsAheadIsReloadedWithoutOldRevisions(t *testing.T) {
	t.Parallel()
	for name, restoration := range restorations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := withDeadline(t)
			l := loseEtcd(ctx, t)
			restored := etcdtest.Start(t, func(config *embed.Config) {
				if restoration.token != "" {
					config.InitialClusterToken = restoration.token
				}
			})
			l.fill(ctx, t, restored, l.last.Revision+100)
			if restoration.compacted {
				_, err := restored.Client.Compact(ctx, l.last.Revision+100)
				require.NoError(t, err)
			}

			l.restore(restored)
			v, err := l.engine.WaitFor(ctx, l.last.Revision+1)
			require.NoError(t, err)
			require.Equal(t, l.atSnapshot, shown(v))
			require.Greater(t, v.Oldest, l.last.Revision, "no client can continue from the lost history")
			_, err = v.Since(l.last.Revision)
			require.ErrorIs(t, err, view.ErrCompacted)
			save(ctx, t, l.engine, on("c5"))
			require.Len(t, shown(barrier(ctx, t, l.engine)), len(l.atSnapshot)+1)
			require.NoError(t, l.engine.Ready())
		})
	}
}

func TestARestoredEtcdIsRefusedWhileItIsBehindTheView(t *testing.T) {
	t.Parallel()
	ctx := withDeadline(t)
	l, restored := loseEtcd(ctx, t), etcdtest.Start(t)
	unready := l.engine.Unready()
	l.fill(ctx, t, restored, 1)

	l.restore(restored)
	select {
	case <-unready.Done():
	case <-ctx.Done():
		require.Fail(t, "it serves the lost state as if nothing had happened")
	}
	require.Eventually(t, func() bool {
		err := l.engine.Ready()
		require.ErrorIs(t, err, ErrNotReady)
		return errors.Is(err, ErrRewound)
	}, deadline, pollEvery)
	require.ErrorContains(t, l.engine.Ready(), "--bump-revision")
	require.True(t, ended(l.engine.Unready()))
	_, err := l.engine.Barrier(ctx)
	require.ErrorIs(t, err, ErrRewound)
	v, err := l.engine.Current()
	require.NoError(t, err)
	require.Equal(t, l.last.Revision, v.Revision, "nothing goes backwards")

	advance(ctx, t, restored, l.last.Revision+1)
	require.Eventually(t, func() bool { return l.engine.Ready() == nil }, deadline, pollEvery)
	v = barrier(ctx, t, l.engine)
	require.Equal(t, l.atSnapshot, shown(v))
	_, err = v.Since(l.last.Revision)
	require.ErrorIs(t, err, view.ErrCompacted)
}
