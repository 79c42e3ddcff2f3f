// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

var benchSizes = []int{10_000, 1_000_000}

func benchStones(n int) []*stone {
	r := rand.New(rand.NewPCG(1, 1))
	stones := make([]*stone, n)
	for i := range stones {
		stones[i] = &stone{key: i, weight: someWeight(r)}
	}
	return stones
}

// BenchmarkReport measures one report: it changes the weight of a member, and reads the sum
// and the first members that are not ready.
func BenchmarkReport(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint("members=", n), func(b *testing.B) {
			stones := benchStones(n)
			r := newStones()
			for _, s := range stones {
				r.Put(s)
			}
			random := rand.New(rand.NewPCG(2, 2))
			b.ReportAllocs()
			for b.Loop() {
				at := random.IntN(n)
				s := *stones[at]
				s.weight.Modified ^= 1
				stones[at] = &s
				r.Put(&s)
				if all := r.All(); all.Total() == 0 || len(r.Listed(0, n, Entries)) == 0 {
					b.Fatal("no members are listed")
				}
			}
		})
	}
}

// BenchmarkFill puts members into an empty collection, in order and at random. It measures
// the time for each, and its bytes without the member itself.
func BenchmarkFill(b *testing.B) {
	for _, n := range benchSizes {
		for _, order := range []string{"sorted", "shuffled"} {
			b.Run(fmt.Sprintf("members=%d/%s", n, order), func(b *testing.B) {
				stones := benchStones(n)
				if order == "shuffled" {
					rand.New(rand.NewPCG(3, 3)).Shuffle(n, func(i, j int) { stones[i], stones[j] = stones[j], stones[i] })
				}
				var before, after runtime.MemStats
				var r *Ranked[*stone]
				for b.Loop() {
					b.StopTimer()
					runtime.GC()
					runtime.ReadMemStats(&before)
					b.StartTimer()
					r = newStones()
					for _, s := range stones {
						r.Put(s)
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/member")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
				runtime.KeepAlive(r)
				runtime.KeepAlive(stones)
			})
		}
	}
}
