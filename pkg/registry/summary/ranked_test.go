// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

// stone is a member for tests.
type stone struct {
	key    int
	weight Weight
}

func compareStones(a, b *stone) int { return cmp.Compare(a.key, b.key) }

func weighStone(s *stone) Weight { return s.weight }

func newStones() *Ranked[*stone] { return NewRanked(compareStones, weighStone) }

// someWeight is Ready most of the time, so that searches have something to skip.
func someWeight(r *rand.Rand) Weight {
	var w Weight
	state := v1alpha1.Ready
	if r.IntN(8) == 0 {
		state = ranking[r.IntN(len(ranking))]
	}
	*w.counter(state) = 1
	if state != v1alpha1.Ready {
		w.Listed = 1
	}
	w.Unavailable, w.Outdated = int32(r.IntN(2)), int32(r.IntN(2))
	w.Resources = someCounts(r)
	return w
}

func someCounts(r *rand.Rand) v1alpha1.ResourceCounts {
	n := func() int { return r.IntN(5) }
	return v1alpha1.ResourceCounts{Ready: n(), DesiredReady: n(), WaitApplied: n(), Modified: n(), Orphaned: n(), Missing: n(), Unknown: n(), NotReady: n()}
}

// scan is the oracle for Ranked: a sorted slice, and loops over it.
type scan []*stone

func (s scan) at(key int) (int, bool) {
	return slices.BinarySearchFunc(s, key, func(s *stone, key int) int { return cmp.Compare(s.key, key) })
}

func (s *scan) put(m *stone) {
	at, found := s.at(m.key)
	if found {
		(*s)[at] = m
		return
	}
	*s = slices.Insert(*s, at, m)
}

func (s *scan) remove(key int) {
	if at, found := s.at(key); found {
		*s = slices.Delete(*s, at, at+1)
	}
}

func (s scan) slice(from, to int) scan {
	from, to = max(from, 0), min(to, len(s))
	if from >= to {
		return nil
	}
	return s[from:to]
}

func (s scan) sum(from, to int) Weight {
	var sum Weight
	for _, m := range s.slice(from, to) {
		sum.Add(m.weight)
	}
	return sum
}

func (s scan) first(from, to, limit int, has func(Weight) bool) []*stone {
	var out []*stone
	for _, m := range s.slice(from, to) {
		if len(out) < limit && has(m.weight) {
			out = append(out, m)
		}
	}
	return out
}

// requireSound checks the invariants of every node, and that the tree is as flat and as full
// as its documented costs require.
func requireSound(t testing.TB, r *Ranked[*stone]) {
	t.Helper()
	depths := map[int]bool{}
	var last *stone
	var check func(n *node[*stone], depth int)
	check = func(n *node[*stone], depth int) {
		var sum Weight
		size := 0
		if n.leaf() {
			depths[depth] = true
			size = len(n.members)
			for _, m := range n.members {
				require.True(t, last == nil || last.key < m.key, "members are in order")
				last = m
				sum.Add(m.weight)
			}
		} else {
			require.Empty(t, n.members)
			for i, c := range n.children {
				require.NotZero(t, c.size, "only the root may be empty")
				check(c, depth+1)
				size += c.size
				sum.Add(c.sum)
				if i > 0 {
					b := n.children[i-1]
					require.Greater(t, len(b.members)+len(b.children)+len(c.members)+len(c.children), width/2, "neighbours hold enough")
				}
			}
		}
		require.LessOrEqual(t, len(n.members), width)
		require.LessOrEqual(t, len(n.children), width)
		require.Equal(t, size, n.size)
		require.Equal(t, sum, n.sum)
		if size > 0 {
			first := n
			for !first.leaf() {
				first = first.children[0]
			}
			require.Same(t, first.members[0], n.first)
		}
	}
	check(r.root, 0)
	require.Len(t, depths, 1, "all leaves are equally deep")
}

func requireSame(t testing.TB, r *Ranked[*stone], s scan, random *rand.Rand) {
	t.Helper()
	require.Equal(t, len(s), r.Len())
	require.Equal(t, s.sum(0, len(s)), r.All())
	for range 6 {
		from, to := random.IntN(len(s)+3)-1, random.IntN(len(s)+3)-1
		limit := random.IntN(12)
		state := ranking[random.IntN(len(ranking))]
		in := func(w Weight) bool { return w.In(state) > 0 }
		where := fmt.Sprintf("ranks %d to %d, at most %d, of %d", from, to, limit, len(s))
		require.Equal(t, s.sum(from, to), r.Sum(from, to), where)
		require.Equal(t, []*stone(s.slice(from, to)), slices.Collect(r.Each(from, to)), where)
		require.Equal(t, s.first(from, to, limit, func(w Weight) bool { return w.Listed > 0 }), r.Listed(from, to, limit), where)
		require.Equal(t, s.first(from, to, limit, in), r.First(from, to, limit, in), where)
		key := random.IntN(len(s)*3 + 3)
		rank, wantFound := s.at(key)
		got, found := r.Get(&stone{key: key})
		require.Equal(t, wantFound, found)
		if found {
			require.Same(t, s[rank], got)
		} else {
			require.Nil(t, got)
		}
	}
}

func TestRankedIsASortedSliceWithSums(t *testing.T) {
	t.Parallel()
	random := replay.Rand(t)
	for round := range 12 {
		r, s := newStones(), scan{}
		// With few keys, puts often replace a member; many keys make a tree of three levels.
		keys := []int{3, 70, 400, 20_000}[round%4]
		if round%3 > 0 {
			for key := range keys {
				if random.IntN(round) > 0 {
					s = append(s, &stone{key, someWeight(random)})
				}
			}
			r.Fill(s)
			requireSound(t, r)
			requireSame(t, r, s, random)
		}
		steps := min(keys*4, 12_000)
		for step := range steps {
			// The tree grows for a while, and then shrinks until it is empty.
			grow := 70
			if step > steps/2 {
				grow = 25
			}
			key := random.IntN(keys)
			switch {
			case random.IntN(100) < grow:
				m := &stone{key, someWeight(random)}
				r.Put(m)
				s.put(m)
			case len(s) > 0 && random.IntN(4) > 0:
				gone := s[random.IntN(len(s))]
				r.Delete(&stone{key: gone.key})
				s.remove(gone.key)
			case len(s) > 0:
				m := &stone{s[random.IntN(len(s))].key, someWeight(random)}
				r.Put(m)
				s.put(m)
			default:
				r.Delete(&stone{key: key})
			}
			if step%max(steps/40, 1) == 0 {
				requireSound(t, r)
				requireSame(t, r, s, random)
			}
		}
		for len(s) > 0 {
			at := random.IntN(len(s))
			r.Delete(&stone{key: s[at].key})
			s = slices.Delete(s, at, at+1)
			if len(s)%500 == 0 {
				requireSound(t, r)
				requireSame(t, r, s, random)
			}
		}
		require.Zero(t, r.Len())
		require.Zero(t, r.All())
	}
}

// FuzzRanked reads two bytes as one operation: one selects the operation, and both together
// select the member.
func FuzzRanked(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 1, 0, 2, 64, 1, 128, 2})
	var up, down []byte
	for i := range 400 {
		up = append(up, byte(i>>8), byte(i))
		down = append(down, byte(3-i>>8), byte(255-i))
	}
	f.Add(up)
	f.Add(append(slices.Clone(down), up...))
	var gone []byte
	for i := range 400 {
		gone = append(gone, 64|byte(i>>8), byte(i))
	}
	f.Add(append(slices.Clone(up), gone...))
	f.Fuzz(func(t *testing.T, operations []byte) {
		r, s := newStones(), scan{}
		random := rand.New(rand.NewPCG(uint64(len(operations)), 7))
		for pair := range slices.Chunk(operations, 2) {
			if len(pair) < 2 {
				break
			}
			key := int(pair[0]&0x0f)<<8 | int(pair[1])
			switch pair[0] >> 6 {
			case 0, 3:
				m := &stone{key, someWeight(random)}
				r.Put(m)
				s.put(m)
			case 1:
				r.Delete(&stone{key: key})
				s.remove(key)
			case 2:
				if at, found := s.at(key); found {
					m := &stone{key, someWeight(random)}
					r.Put(m)
					s[at] = m
				}
			}
		}
		requireSound(t, r)
		requireSame(t, r, s, random)
	})
}

func TestAMemberIsWeighedOnlyWhereItsLeafChanges(t *testing.T) {
	t.Parallel()
	weighed := 0
	r := NewRanked(compareStones, func(s *stone) Weight { weighed++; return s.weight })
	const members = 100_000
	for key := range members {
		r.Put(&stone{key: key, weight: Weight{Ready: 1}})
	}
	require.LessOrEqual(t, weighed, 4*members, "putting in order weighs a member a few times")
	for _, test := range []struct {
		name   string
		weighs int
		act    func()
	}{
		{"a member is put again", 2, func() { r.Put(&stone{key: members / 3, weight: Weight{NotReady: 1, Listed: 1}}) }},
		{"a member is deleted", 1, func() { r.Delete(&stone{key: members / 2}) }},
		{"a member is inserted", 1, func() { r.Put(&stone{key: members / 2, weight: Weight{Pending: 1, Listed: 1}}) }},
		{"a member is inserted into a full leaf", width + 1, func() { r.Put(&stone{key: members, weight: Weight{Pending: 1, Listed: 1}}) }},
		{"half of the members are summed up", 2 * width, func() { r.Sum(3, members/2) }},
		{"all members are summed up", 0, func() { r.All() }},
		{"the first that are listed are read", 3 * width, func() { r.Listed(0, members, 10) }},
	} {
		weighed = 0
		test.act()
		require.LessOrEqual(t, weighed, test.weighs, test.name)
	}
}

func TestEachEndsWhenItsReaderStops(t *testing.T) {
	t.Parallel()
	r := newStones()
	for key := range 1000 {
		r.Put(&stone{key: key})
	}
	var seen []int
	for m := range r.Each(100, 900) {
		if seen = append(seen, m.key); len(seen) == 70 {
			break
		}
	}
	require.Len(t, seen, 70)
	require.Equal(t, 100, seen[0])
	require.Equal(t, 169, seen[69])
}

func TestAddingAndSubtractingAWeightLeavesZero(t *testing.T) {
	t.Parallel()
	random := replay.Rand(t)
	var sum Weight
	var all []Weight
	for range 1000 {
		w := someWeight(random)
		all = append(all, w)
		sum.Add(w)
	}
	total := 0
	for _, state := range ranking {
		total += sum.In(state)
	}
	require.Equal(t, 1000, total)
	require.Equal(t, 1000, sum.Total())
	require.Equal(t, 1000-int(sum.Ready), sum.NonReady())
	for _, w := range all {
		sum.Sub(w)
	}
	require.Zero(t, sum)
}
