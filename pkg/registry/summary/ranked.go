// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "slices"

// width is the most members that a leaf holds, and the most children of an inner node.
const width = 64

// sparse is the most members, or children, that two neighbours have together when they are
// merged. It is below width so that the next insert does not split them again.
const sparse = width * 3 / 4

// Ranked keeps members in order and finds the sum of their weights over any range of ranks.
// It is a B+-tree in which each node has the number of the members below it, and the sum of
// their weights:
//
//	                ┌ 130 members, sum ┐
//	        ┌───────┴──────┬───────────┴──┐
//	┌ 64 members, sum ┐ ┌ 50, sum ┐ ┌ 16, sum ┐
//	 a b c d e f g ...   n o p ...   x y z ...
//
// A Ranked does not store the weights of members. It calls weigh when a sum changes, so a
// weight must not change while the collection has the member. To change one, put another
// member that compares equal: that replaces the old one and costs two weighings, of the old
// member and the new, however many neighbours it has.
type Ranked[M any] struct {
	compare func(a, b M) int
	weigh   func(M) Weight
	root    *node[M]
}

// node is a leaf with members, or an inner node with children. Only the root may be empty.
type node[M any] struct {
	members  []M
	children []*node[M]
	// first is the member of the lowest rank.
	first M
	size  int
	sum   Weight
}

// NewRanked returns an empty collection. compare is a total order, which tells members
// apart, and weigh returns the weight of one. Neither may change its answer for a member
// in the collection.
func NewRanked[M any](compare func(a, b M) int, weigh func(M) Weight) *Ranked[M] {
	return &Ranked[M]{compare: compare, weigh: weigh, root: &node[M]{}}
}

// Len returns the number of members.
func (r *Ranked[M]) Len() int { return r.root.size }

// All returns the sum of all weights.
func (r *Ranked[M]) All() Weight { return r.root.sum }

func (n *node[M]) leaf() bool { return n.children == nil }

// search returns the place of a member in a leaf, and whether the leaf has it.
func (r *Ranked[M]) search(n *node[M], m M) (int, bool) {
	return slices.BinarySearchFunc(n.members, m, r.compare)
}

// child returns the index of the only child that may hold a member: the last one that does
// not begin after it.
func (r *Ranked[M]) child(n *node[M], m M) int {
	low, high := 1, len(n.children)
	for low < high {
		middle := int(uint(low+high) >> 1)
		if r.compare(n.children[middle].first, m) <= 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low - 1
}

// recount computes size, sum and first of a node from its members or children.
func (r *Ranked[M]) recount(n *node[M]) {
	n.sum = Weight{}
	if n.leaf() {
		n.size = len(n.members)
		for _, m := range n.members {
			n.sum.Add(r.weigh(m))
		}
	} else {
		n.size = 0
		for _, c := range n.children {
			n.size += c.size
			n.sum.Add(c.sum)
		}
	}
	r.refresh(n)
}

// refresh computes first of a node from its members or children.
func (r *Ranked[M]) refresh(n *node[M]) {
	switch {
	case len(n.children) > 0:
		n.first = n.children[0].first
	case len(n.members) > 0:
		n.first = n.members[0]
	default:
		var none M
		n.first = none
	}
}
