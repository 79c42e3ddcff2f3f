// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/replay"
)

// TestOperationsAreCountedAsEtcdDoes compares Operations with what a real etcd accepts with
// its default limit.
func TestOperationsAreCountedAsEtcdDoes(t *testing.T) {
	seed := replay.Rand(t).Uint64()
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		r := rand.New(rand.NewPCG(seed, 0))
		ctx, log := withDeadline(t), etcd.New(client, "/muster")
		most := []int{0, 1, 39, 40, 41, 87, 88, 89, 127, 128, 129, 1600, 1601, 1700}
		taken := map[bool]int{}
		for range 60 {
			txn := etcd.Txn{Unchanged: map[record.Key]int64{}, Put: map[record.Key][]byte{}}
			for i := range most[r.IntN(11)] {
				txn.Unchanged[key(fmt.Sprint("guarded", i))] = 0
			}
			for i := range most[r.IntN(len(most))] {
				txn.Put[key(fmt.Sprint("put", i))] = []byte("x")
			}
			for i := range most[r.IntN(6)] {
				txn.Delete = append(txn.Delete, key(fmt.Sprint("gone", i)))
			}
			for i := range r.IntN(2) {
				txn.Content = append(txn.Content, etcd.Content{ID: fmt.Sprint("s-", i), Data: []byte("x")})
			}
			n, err := log.Operations(ctx, txn)
			require.NoError(t, err)
			_, ok, err := log.Commit(ctx, txn)
			taken[err == nil]++
			if n <= etcd.MaxOperations {
				require.NoError(t, err, n)
				require.True(t, ok)
			} else {
				require.ErrorIs(t, err, etcd.ErrTooLarge, n)
			}
		}
		require.Len(t, taken, 2, "the test sees both cases")
	})
}

func TestAnyNumberOfOperationsFitsBesideFewGuards(t *testing.T) {
	t.Parallel()
	log := etcd.New(nil, "/muster")
	for _, n := range []int{1, 40, 1600, 1601, 64_000 - 1} {
		txn := etcd.Txn{Unchanged: map[record.Key]int64{}, Content: []etcd.Content{{ID: "s-1"}}}
		for i := range etcd.FewGuards - 1 {
			txn.Unchanged[key(fmt.Sprint("guarded", i))] = 0
		}
		for i := range n {
			txn.Delete = append(txn.Delete, key(fmt.Sprint("gone", i)))
		}
		count, err := log.Operations(t.Context(), txn)
		require.NoError(t, err)
		require.LessOrEqual(t, count, etcd.MaxOperations, n)
	}
}

// TestAGuardOfARangeSeesWritesAndDeletions checks also that a guard without Deletions sees
// only writes.
func TestAGuardOfARangeSeesWritesAndDeletions(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log := withDeadline(t), etcd.New(client, "/muster")
		pin := func(ns, name string) record.Key { return record.BundlePinKey(record.Name{Namespace: ns, Name: name}) }
		holds := func(since int64, namespace string, deletions bool) bool {
			t.Helper()
			_, ok, err := log.Commit(ctx, etcd.Txn{
				UnchangedSince: []etcd.RangeGuard{{Type: record.TypePin, Resource: record.Bundles, Namespace: namespace, Revision: since, Deletions: deletions}},
				Put:            map[record.Key][]byte{key("other"): []byte("x")},
			})
			require.NoError(t, err)
			return ok
		}
		before := commit(ctx, t, log, etcd.Txn{Put: map[record.Key][]byte{pin("a", "x"): []byte("1"), pin("b", "x"): []byte("1")}})
		require.True(t, holds(before, "", true))
		written := commit(ctx, t, log, etcd.Txn{Put: map[record.Key][]byte{pin("a", "x"): []byte("2")}})
		require.False(t, holds(before, "", true))
		require.False(t, holds(before, "a", true))
		require.True(t, holds(before, "b", true))
		gone := commit(ctx, t, log, etcd.Txn{Delete: []record.Key{pin("b", "x")}})
		require.True(t, holds(written, "b", false))
		require.False(t, holds(written, "b", true))
		require.False(t, holds(written, "a", true), "a removal guard does not name the namespace")
		require.True(t, holds(gone, "", true))
		commit(ctx, t, log, etcd.Txn{Delete: []record.Key{record.ReportKey(record.BundleDeployments, record.Name{Namespace: "a", Name: "x"}), record.PromotionKey(record.Name{Namespace: "a", Name: "x"})}})
		require.True(t, holds(gone, "", true), "deletions of other kinds do not count")
	})
}
