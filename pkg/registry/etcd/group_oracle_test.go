// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/replay"
)

// outcome is one write and the result that its writer got.
type outcome struct {
	txn      etcd.Txn
	revision int64
	ok       bool
}

func TestCountersThatManyRaiseTogetherLoseNothing(t *testing.T) {
	t.Parallel()
	const writers, rounds, counters = 24, 25, 5
	seen := new(sizes)
	log := etcd.New(etcdtest.Start(t).Client, "/muster", etcd.GroupsObservedBy(seen))
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for range rounds {
				k := key(fmt.Sprint(w % counters))
				for raised := false; !raised; {
					now, err := log.Revision(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					at, count := int64(0), 0
					err = log.Load(t.Context(), now, func(r etcd.Record) {
						if r.Key == k {
							at = r.Revision
							count, _ = strconv.Atoi(string(r.Value)) // only counts are written
						}
					})
					if err == nil {
						_, raised, err = log.CommitTogether(t.Context(), etcd.Txn{
							Unchanged: map[record.Key]int64{k: at},
							Put:       map[record.Key][]byte{k: []byte(strconv.Itoa(count + 1))},
						})
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	now, err := log.Revision(t.Context())
	require.NoError(t, err)
	sum := 0
	for _, r := range load(t.Context(), t, log, now) {
		n, err := strconv.Atoi(string(r.Value))
		require.NoError(t, err)
		sum += n
	}
	require.Equal(t, writers*rounds, sum)
	require.Greater(t, slices.Max(seen.all()), 1, "no group had two writes")
}

// TestResultsOfGroupedWritesAgreeWithTheLog replays the log. An acknowledged write is in the
// log at its revision, and its guards held right before. A refused write is not in the log.
func TestResultsOfGroupedWritesAgreeWithTheLog(t *testing.T) {
	t.Parallel()
	seed := replay.Rand(t).Uint64()
	log := etcd.New(etcdtest.Start(t).Client, "/muster")
	const writers, rounds, records = 20, 30, 12
	var mu sync.Mutex
	var all []outcome
	var running sync.WaitGroup
	for w := range writers {
		r := rand.New(rand.NewPCG(seed, uint64(w)))
		running.Go(func() {
			for round := range rounds {
				txn := anyTxn(t.Context(), t, log, r, records, fmt.Sprintf("%d-%d", w, round))
				revision, ok, err := log.CommitTogether(t.Context(), txn)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, outcome{txn, revision, ok})
				mu.Unlock()
			}
		})
	}
	running.Wait()
	checkOutcomes(t, log, all)
}

// anyTxn returns a transaction that guards some records at current or recent revisions, and
// writes some.
func anyTxn(ctx context.Context, t *testing.T, log *etcd.Log, r *rand.Rand, records int, value string) etcd.Txn {
	now, err := log.Revision(ctx)
	if err != nil {
		t.Error(err)
	}
	at := map[record.Key]int64{}
	if err := log.Load(ctx, now, func(each etcd.Record) { at[each.Key] = each.Revision }); err != nil {
		t.Error(err)
	}
	any := func() record.Key { return key(strconv.Itoa(r.IntN(records))) }
	txn := etcd.Txn{Unchanged: map[record.Key]int64{}, NotAfter: map[record.Key]int64{}, Put: map[record.Key][]byte{}}
	for range r.IntN(3) {
		k := any()
		txn.Unchanged[k] = at[k]
	}
	for range r.IntN(2) {
		txn.NotAfter[any()] = now - int64(r.IntN(3))
	}
	for range 1 + r.IntN(2) {
		txn.Put[any()] = []byte(value)
	}
	if r.IntN(5) == 0 {
		k := any()
		if _, put := txn.Put[k]; !put {
			txn.Delete = []record.Key{k}
		}
	}
	return txn
}

func checkOutcomes(t *testing.T, log *etcd.Log, all []outcome) {
	t.Helper()
	end, err := log.Revision(t.Context())
	require.NoError(t, err)
	states := map[int64]map[record.Key]etcd.Record{0: {}}
	stop, cancel := context.WithCancel(t.Context())
	defer cancel()
	have, last := map[record.Key]etcd.Record{}, int64(0)
	err = log.Watch(stop, 1, func(b etcd.Batch) {
		for r := last + 1; r < b.Revision; r++ {
			states[r] = maps.Clone(have)
		}
		for _, r := range b.Records {
			if delete(have, r.Key); r.Value != nil {
				have[r.Key] = r
			}
		}
		states[b.Revision], last = maps.Clone(have), b.Revision
		if b.Revision >= end {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	holds := func(txn etcd.Txn, state map[record.Key]etcd.Record) bool {
		for k, at := range txn.Unchanged {
			if state[k].Revision != at {
				return false
			}
		}
		for k, at := range txn.NotAfter {
			if state[k].Revision > at {
				return false
			}
		}
		return true
	}
	acknowledged := 0
	written := map[string]bool{}
	for _, state := range states {
		for _, r := range state {
			written[string(r.Value)] = true
		}
	}
	for _, each := range all {
		if !each.ok {
			for _, value := range each.txn.Put {
				require.False(t, written[string(value)], "a refused write is in the log")
			}
			continue
		}
		acknowledged++
		require.True(t, holds(each.txn, states[each.revision-1]), "guards did not hold right before %d: %v", each.revision, each.txn)
		for k, value := range each.txn.Put {
			require.Equal(t, value, states[each.revision][k].Value, "at %d", each.revision)
		}
		for _, k := range each.txn.Delete {
			require.NotContains(t, states[each.revision], k)
		}
	}
	t.Logf("%d of %d acknowledged, at %d revisions", acknowledged, len(all), len(states)-1)
	require.Positive(t, acknowledged)
	require.Less(t, acknowledged, len(all), "no two writes conflicted")
}
