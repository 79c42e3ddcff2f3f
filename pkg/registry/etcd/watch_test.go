// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/invariants"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/flakyproxy"
	"github.com/musterfleet/muster/test/replay"
)

// randomTxn returns a transaction that writes and deletes some of a few records. Some are
// large, so that answers to a watch that catches up arrive in fragments.
func randomTxn(r *rand.Rand, have map[record.Key]bool) etcd.Txn {
	txn := etcd.Txn{Put: map[record.Key][]byte{}}
	for range 1 + r.IntN(6) {
		k := key(fmt.Sprint(r.IntN(20)))
		_, twice := txn.Put[k]
		switch {
		case slices.Contains(txn.Delete, k):
		case !twice && have[k] && r.IntN(3) == 0:
			txn.Delete = append(txn.Delete, k)
			delete(have, k)
		default:
			size := 10
			if r.IntN(20) == 0 {
				size = 200 << 10
			}
			txn.Put[k] = bytes.Repeat([]byte{byte('a' + r.IntN(26))}, size)
			have[k] = true
		}
	}
	return txn
}

// TestAWatchDeliversEveryRevisionOnceAndWhole begins watches at any revision of the past.
// All see the same history, to its end and as it continues.
func TestAWatchDeliversEveryRevisionOnceAndWhole(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log, r := withDeadline(t), etcd.New(client, "/muster"), replay.Rand(t)
		have := map[record.Key]bool{}
		var want []etcd.Batch
		write := func(n int) {
			for range n {
				txn := randomTxn(r, have)
				if r.IntN(5) == 0 {
					_, err := client.Put(ctx, "/foreign", "x") // a revision without records of ours
					require.NoError(t, err)
				}
				want = append(want, batchOf(txn, commit(ctx, t, log, txn)))
			}
		}
		before, past := 1500, 400
		if invariants.Enabled {
			before, past = before/5, past/5 // a commit takes long under the race detector
		}
		write(before)
		type watched struct {
			from int
			got  chan etcd.Batch
			err  chan error
		}
		var watches []watched
		stop, cancel := context.WithCancel(ctx)
		defer cancel()
		for range 8 {
			w := watched{r.IntN(len(want)), make(chan etcd.Batch, 4096), make(chan error, 1)}
			after := int64(0)
			if w.from > 0 {
				after = want[w.from-1].Revision
			}
			watches = append(watches, w)
			go func() {
				w.err <- log.Watch(stop, after, func(b etcd.Batch) { w.got <- b })
			}()
		}
		write(past)
		for _, w := range watches {
			for _, b := range want[w.from:] {
				select {
				case got := <-w.got:
					require.Equal(t, b, sorted(got))
				case err := <-w.err:
					require.Fail(t, "a watch ended", "%v", err)
				}
			}
		}
		cancel()
		for _, w := range watches {
			require.ErrorIs(t, <-w.err, context.Canceled)
			require.Empty(t, w.got, "the watch delivers only what was written")
		}
	})
}

// TestProgressCoversRevisionsWithoutRecordsOfOurs asks until the answer arrives, because
// etcd may lose a request.
func TestProgressCoversRevisionsWithoutRecordsOfOurs(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log := withDeadline(t), etcd.New(client, "/muster")
		first := commit(ctx, t, log, put("a"))
		foreign, err := client.Put(ctx, "/foreign", "x")
		require.NoError(t, err)
		watching, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		reached := errors.New("reached")
		go func() {
			for watching.Err() == nil {
				_ = log.RequestProgress(watching)
			}
		}()
		var batches []etcd.Batch
		err = log.Watch(watching, first-1, func(b etcd.Batch) {
			batches = append(batches, b)
			if b.Revision >= foreign.Header.Revision {
				stop(reached)
			}
		})
		require.ErrorIs(t, err, reached)
		require.Equal(t, []etcd.Batch{batchOf(put("a"), first), {Revision: foreign.Header.Revision}}, batches[:2])
	})
}

func TestAWatchContinuesAfterTheConnectionBroke(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	proxy := flakyproxy.Start(t, server.Address())
	log, far := etcd.New(server.Client, "/muster"), etcd.New(server.Dial(t, proxy.Address), "/muster")
	first := commit(ctx, t, log, put("a"))
	got := make(chan etcd.Batch, 100)
	go func() { _ = far.Watch(ctx, first-1, func(b etcd.Batch) { got <- b }) }()
	next := func() etcd.Batch {
		select {
		case b := <-got:
			return sorted(b)
		case <-ctx.Done():
			require.Fail(t, "the watch delivers nothing")
			return etcd.Batch{}
		}
	}
	require.Equal(t, batchOf(put("a"), first), next())
	proxy.Cut()
	second, third := commit(ctx, t, log, put("a", "b")), commit(ctx, t, log, put("c"))
	proxy.Mend()
	require.Equal(t, batchOf(put("a", "b"), second), next())
	require.Equal(t, batchOf(put("c"), third), next())
}
