// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/replay"
)

func TestMembersPutInOrderFillTheirNodes(t *testing.T) {
	t.Parallel()
	r := newStones()
	for key := range 10_000 {
		r.Put(&stone{key: key, weight: Weight{Ready: 1}})
	}
	leaves := 0
	var count func(n *node[*stone])
	count = func(n *node[*stone]) {
		if n.leaf() {
			leaves++
		}
		for _, c := range n.children {
			count(c)
		}
	}
	count(r.root)
	require.Equal(t, (10_000+width-1)/width, leaves)
	requireSound(t, r)
}

// TestNoOrderOfChangesLeavesSmallNodes makes the changes after which a tree with naive
// splits and merges would degenerate: runs up and down next to full nodes, and holes.
func TestNoOrderOfChangesLeavesSmallNodes(t *testing.T) {
	t.Parallel()
	random := replay.Rand(t)
	r, s := newStones(), scan{}
	put := func(key int) {
		m := &stone{key: key, weight: Weight{Ready: 1}}
		r.Put(m)
		s.put(m)
	}
	for key := range 3000 {
		put(key * 1000)
	}
	// Each of these comes after the end of a full leaf and before the next leaf.
	for key := 63_999; key > 63_700; key-- {
		put(key)
	}
	requireSound(t, r)
	for range 60 {
		start, length := random.IntN(3_000_000), 1+random.IntN(900)
		for i := range length {
			switch start % 4 {
			case 0:
				put(start + i)
			case 1:
				put(start - i)
			default:
				if at, _ := s.at(start); at < len(s) {
					r.Delete(s[at])
					s = slices.Delete(s, at, at+1)
				}
			}
		}
		requireSound(t, r)
		requireSame(t, r, s, random)
	}
}

// TestMergedNodesHaveNoSmallLeavesAtTheSeam merges two inner nodes. The last leaf of one and
// the first leaf of the other are small, and become neighbours.
func TestMergedNodesHaveNoSmallLeavesAtTheSeam(t *testing.T) {
	t.Parallel()
	r := newStones()
	key := 0
	leaf := func(members int) *node[*stone] {
		n := &node[*stone]{}
		for range members {
			n.members = append(n.members, &stone{key: key, weight: Weight{Ready: 1}})
			key++
		}
		r.recount(n)
		return n
	}
	inner := func(sizes ...int) *node[*stone] {
		n := &node[*stone]{}
		for _, size := range sizes {
			n.children = append(n.children, leaf(size))
		}
		r.recount(n)
		return n
	}
	left, right := slices.Repeat([]int{width}, sparse/2), slices.Repeat([]int{width}, sparse/2+1)
	left[len(left)-1], right[0], right[len(right)-1] = 1, 1, 1
	r.root = &node[*stone]{children: []*node[*stone]{inner(left...), inner(right...)}}
	r.recount(r.root)
	requireSound(t, r)
	r.Delete(&stone{key: key - 1})
	requireSound(t, r)
	require.Len(t, r.root.children, sparse-1)
}
