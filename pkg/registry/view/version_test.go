// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/replay"
)

func TestPlacesCountFromTheEnd(t *testing.T) {
	t.Parallel()
	require.Equal(t, "8388607", VersionAt(7).String())
	require.Equal(t, VersionAt(7), before(7, 0))
	require.Equal(t, VersionAt(7)-3, before(7, 3))
	require.Equal(t, FirstOf(7), before(7, lastPlace))
	require.Equal(t, FirstOf(7), before(7, 5*lastPlace), "the first ones share place 0")
	require.Equal(t, VersionAt(6)+1, FirstOf(7))
	require.Zero(t, VersionAt(0))
	for _, v := range []Version{VersionAt(7), before(7, 3), FirstOf(7)} {
		require.EqualValues(t, 7, v.Revision())
		require.Equal(t, v == VersionAt(7), v.Whole())
	}
	require.Less(t, int64(VersionAt(1<<33-1)), int64(1)<<53, "exact in JavaScript")
	require.Positive(t, int64(VersionAt(MaxRevision)))
}

// TestFollowCountsTheChangesWithLaterVersions also covers changes that share place 0.
func TestFollowCountsTheChangesWithLaterVersions(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 1000, lastPlace, lastPlace + 1, lastPlace + 2, 2 * lastPlace} {
		for _, i := range []int{0, 1, n / 2, n - 2, n - 1} {
			if i < 0 {
				continue
			}
			v, later := before(9, n-1-i), 0
			for k := range n {
				if w := before(9, n-1-k); w > v || w == v && v == FirstOf(9) && n > lastPlace+1 {
					later++
				}
			}
			require.Equal(t, later, v.follow(n), "change %d of %d", i, n)
		}
	}
}

func TestNumbersKeepTheirOrderWithFewerPlaces(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for _, places := range []Places{0, 1, 5, PlaceBits} {
		for range 1000 {
			v, w := before(1+r.Int64N(100), r.IntN(40)), before(1+r.Int64N(100), r.IntN(40))
			if v > w {
				v, w = w, v
			}
			require.LessOrEqual(t, places.Number(v), places.Number(w))
			require.Equal(t, v.Revision(), places.Version(places.Number(v)).Revision())
			require.Equal(t, places.Number(v), places.Number(places.Version(places.Number(v))))
			require.True(t, places.Version(places.Number(VersionAt(v.Revision()))).Whole())
		}
		require.Zero(t, places.Version(0))
	}
	for _, places := range []Places{0, PlaceBits} {
		require.EqualValues(t, MaxRevision, places.Version(math.MaxUint64).Revision())
		require.EqualValues(t, MaxRevision, places.Version(MaxRevision<<places+1<<places).Revision())
	}
	require.EqualValues(t, 7, Places(0).Number(VersionAt(7)))
	require.EqualValues(t, before(7, 3), Places(PlaceBits).Number(before(7, 3)))
}

// TestTheFirstChangesShareAPlaceIfPlacesRunOut has a revision that changes 1,200,000
// objects. A watch that resumes at any of them misses nothing. It repeats only those that
// share place 0.
func TestTheFirstChangesShareAPlaceIfPlacesRunOut(t *testing.T) {
	t.Parallel()
	const changes = 1_200_000
	b := NewBuilder(Limits{Revisions: 10, Changes: 10 * changes})
	b.Load(5)
	for i := range changes {
		b.Put(record.Clusters, &Object{ID: record.Name{Namespace: fmt.Sprint("n", i%100), Name: fmt.Sprintf("c%07d", i)}})
	}
	v := b.Next(6)
	all := v.Exactly(6).Placed(record.Clusters, "", "")
	require.Len(t, all.Changes, changes)
	last := Version(0)
	for i, c := range all.Changes {
		at := all.Version(i)
		if c.Next.Version() != at || at < last || at == last && at != FirstOf(6) {
			require.Failf(t, "wrong version", "change %d has %s, after %s", i, at, last)
		}
		last = at
	}
	require.Equal(t, VersionAt(6), last)
	shared := changes - lastPlace // those with place 0
	for _, i := range []int{0, 1, shared - 1, shared, shared + 1, changes - 2, changes - 1} {
		since, err := v.ChangesSince(all.Version(i), record.Clusters, "", "")
		require.NoError(t, err)
		rest := 0
		for placed := range since {
			require.Equal(t, all.Changes[changes-1], placed.Changes[len(placed.Changes)-1])
			rest += len(placed.Changes)
		}
		if i < shared {
			require.Equal(t, changes, rest, "from change %d: it is unknown which of the first changes a client has", i)
		} else {
			require.Equal(t, changes-1-i, rest, "from change %d", i)
		}
	}
	// The places in a scope are the same as in the whole revision.
	some := v.Exactly(6).Placed(record.Clusters, "n7", "")
	require.Len(t, some.Changes, changes/100)
	for i, c := range some.Changes {
		if some.Version(i) != c.Next.Version() {
			require.Failf(t, "wrong version", "%s has %s", c.Name, c.Next.Version())
		}
	}
}
