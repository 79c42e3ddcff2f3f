// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"testing"
)

// sink keeps the compiler from removing the work of a benchmark.
var sink int

func benchmarkRegimes(b *testing.B, index func(*Selectors[int], *regime) (visits int, run func()), brute func(Selector, *regime) bool) {
	for _, g := range regimes {
		for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
			prefix := fmt.Sprintf("regime=%s/n=%d/impl=", g.name, n)
			x, all := g.fill(n)
			visits, run := index(x, &g)
			b.Run(prefix+"index", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
				b.ReportMetric(float64(visits), "visited/op")
			})
			b.Run(prefix+"brute", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					for _, s := range all {
						if brute(s, &g) {
							sink++
						}
					}
				}
				b.ReportMetric(float64(n), "visited/op")
			})
		}
	}
}

func BenchmarkAffected(b *testing.B) {
	benchmarkRegimes(b, func(x *Selectors[int], g *regime) (int, func()) {
		return g.plan(x).visits, func() {
			for id := range x.Affected(g.before, g.after) {
				sink += id
			}
		}
	}, func(s Selector, g *regime) bool { return s.differs(g.before, g.after) })
}

func BenchmarkMatching(b *testing.B) {
	benchmarkRegimes(b, func(x *Selectors[int], g *regime) (int, func()) {
		return x.visits(g.after), func() {
			for id := range x.Matching(g.after) {
				sink += id
			}
		}
	}, func(s Selector, g *regime) bool { return s.Matches(g.after) })
}

// BenchmarkAdd files and removes one selector among n.
func BenchmarkAdd(b *testing.B) {
	for _, g := range regimes {
		b.Run("regime="+g.name+"/n=100000", func(b *testing.B) {
			const n = 100_000
			x, _ := g.fill(n)
			s := g.selector(n)
			b.ReportAllocs()
			for b.Loop() {
				x.Add(n, s)
				x.Remove(n)
			}
		})
	}
}

// BenchmarkSelect finds the few items of a tenant among n.
func BenchmarkSelect(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		x := NewItems[int]()
		for i := range n {
			x.Set(i, set{"env": []string{"prod", "dev"}[i%2], "tenant": value(i / 10)})
		}
		selector := Selector{}.And(In("env", "prod"), In("tenant", value(7)))
		b.Run(fmt.Sprintf("regime=shared-label-plus-tenant/n=%d/impl=index", n), func(b *testing.B) {
			for b.Loop() {
				for id := range x.Select(selector) {
					sink += id
				}
			}
			b.ReportMetric(float64(x.cheapest(selector).items), "visited/op")
		})
		b.Run(fmt.Sprintf("regime=shared-label-plus-tenant/n=%d/impl=brute", n), func(b *testing.B) {
			for b.Loop() {
				for i := range n {
					if selector.Matches(x.items[x.slots[i]].labels) {
						sink += i
					}
				}
			}
			b.ReportMetric(float64(n), "visited/op")
		})
	}
}
