// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

type set = map[string]string

// regime is a population of selectors and an edit. Its name says what makes it cheap or
// expensive. The benchmarks use the same regimes.
type regime struct {
	name          string
	selector      func(i int) Selector
	before, after set
	// affected and visits describe an edit over n selectors. matching is the number that
	// match the label set after the edit.
	affected, visits, matching func(n int) int
}

func fixed(k int) func(int) int { return func(int) int { return k } }

func value(i int) string { return fmt.Sprintf("v%d", i) }

var regimes = []regime{
	{
		name:     "one-hot-label",
		selector: func(i int) Selector { return Selector{}.And(In("env", value(i))) },
		before:   set{"env": "v1", "zone": "a"},
		after:    set{"env": "v2", "zone": "a"},
		affected: fixed(2), visits: fixed(2), matching: fixed(1),
	},
	{
		name:     "multi-value",
		selector: func(i int) Selector { return Selector{}.And(In("env", value(i), value(i+1), value(i+2))) },
		before:   set{"env": "v4", "zone": "a"},
		after:    set{"env": "v5", "zone": "a"},
		// v4 is in 2, 3 and 4; v5 in 3, 4 and 5.
		affected: fixed(2), visits: fixed(6), matching: fixed(3),
	},
	{
		name:     "exists",
		selector: func(i int) Selector { return Selector{}.And(Exists("key" + value(i))) },
		before:   set{"keyv1": "x", "keyv2": "x", "zone": "a"},
		after:    set{"keyv2": "y", "keyv3": "", "zone": "a"},
		affected: fixed(2), visits: fixed(2), matching: fixed(2),
	},
	{
		name:     "not-in-only",
		selector: func(i int) Selector { return normalise([]Requirement{{"env", opNotIn, []string{value(i)}}}) },
		before:   set{"env": "v1", "zone": "a"},
		after:    set{"env": "v2", "zone": "a"},
		affected: fixed(2), visits: fixed(2), matching: func(n int) int { return n - 1 },
	},
	{
		name:     "empty",
		selector: func(int) Selector { return Selector{} },
		before:   set{"env": "v1"},
		after:    set{"env": "v2"},
		affected: fixed(0), visits: fixed(0), matching: func(n int) int { return n },
	},
	{
		name:     "no-match",
		selector: func(i int) Selector { return Selector{}.And(In("env", "prod"), In("tenant", value(i))) },
		before:   set{"env": "test", "zone": "a"},
		after:    set{"env": "dev", "zone": "b"},
		affected: fixed(0), visits: fixed(0), matching: fixed(0),
	},
	{
		// The edit of env, which all mention, must find the selector of the tenant.
		name:     "shared-label-plus-tenant",
		selector: func(i int) Selector { return Selector{}.And(In("env", "prod"), In("tenant", value(i))) },
		before:   set{"env": "dev", "tenant": "v5"},
		after:    set{"env": "prod", "tenant": "v5"},
		// The first few may be filed under env=prod, while few others are.
		affected: fixed(1), visits: fixed(2), matching: fixed(1),
	},
	{
		// The edit of tier, which one mentions, must not visit what is filed under env.
		name: "crowded-label-minus-tier",
		selector: func(i int) Selector {
			return normalise([]Requirement{In("env", "prod"), {"tier", opNotIn, []string{value(i)}}})
		},
		before:   set{"env": "prod", "tier": "v1"},
		after:    set{"env": "prod", "tier": "none"},
		affected: fixed(1), visits: fixed(1), matching: func(n int) int { return n },
	},
	{
		// This edits a label that no selector mentions.
		name:     "unrelated-label",
		selector: func(i int) Selector { return normalise([]Requirement{{"env", opNotIn, []string{"prod", value(i)}}}) },
		before:   set{"env": "v1", "zone": "a"},
		after:    set{"env": "v1", "zone": "b"},
		affected: fixed(0), visits: fixed(0), matching: func(n int) int { return n - 1 },
	},
}

// plan returns the plan of Affected for the edit.
func (g *regime) plan(x *Selectors[int]) plan {
	e := edit{before: g.before, after: g.after, touched: x.touched(g.before, g.after)}
	return x.plan(&e)
}

func (g *regime) fill(n int) (*Selectors[int], []Selector) {
	x := NewSelectors[int]()
	all := make([]Selector, n)
	for i := range n {
		all[i] = g.selector(i)
		x.Add(i, all[i])
	}
	return x, all
}

// TestRegimes checks the answers, and that the number of visits does not grow with the
// number of selectors.
func TestRegimes(t *testing.T) {
	t.Parallel()
	for _, g := range regimes {
		for _, n := range []int{10, 1000, 10_000} {
			t.Run(fmt.Sprintf("%s/%d", g.name, n), func(t *testing.T) {
				t.Parallel()
				x, all := g.fill(n)
				affected, matching := 0, 0
				for _, s := range all {
					if s.differs(g.before, g.after) {
						affected++
					}
					if s.Matches(g.after) {
						matching++
					}
				}
				require.Equal(t, g.affected(n), affected, "the regime is not what it says")
				require.Equal(t, g.matching(n), matching, "the regime is not what it says")
				require.Len(t, once(t, x.Affected(g.before, g.after)), affected)
				require.Len(t, once(t, x.Matching(g.after)), matching)
				require.LessOrEqual(t, g.plan(x).visits, g.visits(n), "Affected visits too many")
				require.LessOrEqual(t, x.visits(g.after), matching+2, "Matching visits too many")
			})
		}
	}
}

func TestTheCheaperWayIsTaken(t *testing.T) {
	t.Parallel()
	byMentions := map[string]bool{"shared-label-plus-tenant": false, "crowded-label-minus-tier": true}
	for _, g := range regimes {
		if want, ok := byMentions[g.name]; ok {
			x, _ := g.fill(100)
			require.Equal(t, want, g.plan(x).byMentions, g.name)
		}
	}
}
