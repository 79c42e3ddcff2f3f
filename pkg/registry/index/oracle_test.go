// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/musterfleet/muster/test/replay"
)

// TestOracle updates an index and a brute-force twin in 120,000 random steps, and compares
// every answer after every step.
func TestOracle(t *testing.T) {
	t.Parallel()
	const (
		steps     = 120_000
		selectors = 60
		items     = 20
	)
	r := replay.Rand(t)
	x, things := NewSelectors[int](), NewItems[int]()
	brute := map[int]labels.Selector{}
	sets := map[int]map[string]string{}

	check := func(before, after map[string]string) {
		affected, matching := once(t, x.Affected(before, after)), once(t, x.Matching(after))
		for id, s := range brute {
			matches := s.Matches(labels.Set(after))
			if affected[id] != (s.Matches(labels.Set(before)) != matches) || matching[id] != matches {
				require.Fail(t, "wrong answer", "selector %s, %v -> %v: affected %v, matching %v", s, before, after, affected[id], matching[id])
			}
			delete(affected, id)
			delete(matching, id)
		}
		require.Empty(t, affected, "affected although removed")
		require.Empty(t, matching, "matching although removed")
	}

	for step := range steps {
		switch id := r.IntN(selectors); {
		case r.IntN(4) > 0:
		case brute[id] != nil:
			x.Remove(id)
			delete(brute, id)
		default:
			api := randomSelector(r)
			x.Add(id, compile(t, api))
			brute[id] = upstream(t, api)
		}

		id := r.IntN(items)
		before, known := sets[id]
		after := editLabels(r, before)
		if known && r.IntN(10) == 0 {
			things.Delete(id)
			delete(sets, id)
			after = nil
		} else {
			things.Set(id, after)
			sets[id] = after
		}
		check(before, after)

		api := randomSelector(r)
		want := upstream(t, api)
		got := once(t, things.Select(compile(t, api)))
		for id, set := range sets {
			if got[id] != want.Matches(labels.Set(set)) {
				require.Fail(t, "wrong selection", "selector %s, labels %v: selected %v", want, set, got[id])
			}
			delete(got, id)
		}
		require.Empty(t, got, "selected although deleted")

		if step%500 == 0 {
			require.NoError(t, x.verify())
			require.NoError(t, things.verify())
			require.Equal(t, len(brute), x.Len())
			require.Equal(t, len(sets), things.Len())
		}
	}

	require.False(t, x.Empty())
	require.False(t, things.Empty())
	for id := range brute {
		x.Remove(id)
	}
	for id := range sets {
		things.Delete(id)
	}
	require.True(t, x.Empty(), "selectors leak: %+v", x)
	require.True(t, things.Empty(), "items leak: %+v", things)
}

// TestCompileOracle compares Compile with apimachinery, on valid and invalid selectors.
func TestCompileOracle(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	bad := 0
	for range 20_000 {
		api := randomSelector(r)
		if r.IntN(2) == 0 && len(api.MatchExpressions) > 0 {
			spoil := &api.MatchExpressions[r.IntN(len(api.MatchExpressions))]
			switch r.IntN(4) {
			case 0:
				spoil.Operator = pick(r, []metav1.LabelSelectorOperator{"", "in", "Equals", "Gt"})
			case 1:
				spoil.Key = pick(r, []string{"", "a b", "/x", "a/b/c", "\x00name"})
			case 2:
				spoil.Values = pick(r, [][]string{nil, {}, {"x"}, {"not valid"}, {"x", "x"}, {"", "-"}})
			case 3:
				api.MatchLabels = map[string]string{pick(r, []string{"a", "!"}): pick(r, []string{"x", "y z"})}
			}
		}
		want, wantErr := metav1.LabelSelectorAsSelector(api)
		got, err := Compile(api)
		if wantErr != nil {
			bad++
			require.Error(t, err, "%+v", api)
			require.Equal(t, Selector{}, got)
			continue
		}
		require.NoError(t, err, "%+v", api)
		for range 20 {
			set := randomLabels(r)
			if got.Matches(set) != want.Matches(labels.Set(set)) {
				require.Fail(t, "wrong match", "selector %s compiled to %s, labels %v", want, got, set)
			}
		}
	}
	require.Greater(t, bad, 1000, "the test no longer generates malformed selectors")
}

// TestAndOracle checks that a conjunction matches if and only if its parts do.
func TestAndOracle(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 20_000 {
		s := compile(t, randomSelector(r))
		added := []Requirement{Exists(pick(r, universe.keys)), In(pick(r, universe.keys), pick(r, universe.values), pick(r, universe.values))}
		before := s.String()
		both := s.And(added...)
		require.Equal(t, before, s.String(), "And modified its receiver")
		set := randomLabels(r)
		require.Equal(t, s.Matches(set) && added[0].Matches(set) && added[1].Matches(set), both.Matches(set), "%s and %v on %v", s, added, set)
	}
}

// TestOverlappingReads checks that queries keep no state, so that one may run inside
// another.
func TestOverlappingReads(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	x := NewSelectors[int]()
	for id := range 200 {
		x.Add(id, compile(t, randomSelector(r)))
	}
	for range 50 {
		before, after := randomLabels(r), randomLabels(r)
		want := once(t, x.Affected(before, after))
		got := once(t, func(yield func(int) bool) {
			for id := range x.Affected(before, after) {
				require.Equal(t, want, once(t, x.Affected(before, after)))
				require.NotEqual(t, once(t, x.Matching(before))[id], once(t, x.Matching(after))[id])
				if !yield(id) {
					return
				}
			}
		})
		require.Equal(t, want, got)
		for id := range x.Affected(before, after) {
			require.Contains(t, want, id)
			break
		}
		require.Equal(t, want, once(t, x.Affected(after, before)), "affected must be symmetric")
	}
	same := map[string]string{"a": "x", "b": ""}
	require.Empty(t, slices.Collect(x.Affected(same, maps.Clone(same))))
}
