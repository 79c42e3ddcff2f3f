// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

// width is how many members a leaf holds at most, and how many children a node.
const width = 64

// sparse is how few members, or children, two neighbours have together when they
// are merged. It is below width so that the next insert does not split them again.
const sparse = width * 3 / 4

// Ranked keeps members in order and knows the sum of their weights over any range
// of ranks. It is a B+-tree that remembers the number and the sum of what is below
// each node:
//
//	                ┌ 130 members, sum ┐
//	        ┌───────┴──────┬───────────┴──┐
//	┌ 64 members, sum ┐ ┌ 50, sum ┐ ┌ 16, sum ┐
//	 a b c d e f g ...   n o p ...   x y z ...
//
// Of a member only itself is stored; its weight is asked for when a sum changes, so it
// must not change while the member is in. What weighs something else is another member,
// which is put in the place of the one that it is equal to: that costs two weighings, of
// what was there and of what comes, however many are beside it.
type Ranked[M any] struct {
	compare func(a, b M) int
	weigh   func(M) Weight
	root    *node[M]
}

// node is a leaf, which has members, or an inner node, which has children. None is
// empty but the root.
type node[M any] struct {
	members  []M
	children []*node[M]
	// first is the member of the lowest rank.
	first M
	size  int
	sum   Weight
}

// NewRanked returns an empty collection. compare is a total order of what tells
// members apart, and weigh says what one weighs; neither may change its answer for a
// member that is in the collection.
func NewRanked[M any](compare func(a, b M) int, weigh func(M) Weight) *Ranked[M] {
	return &Ranked[M]{compare: compare, weigh: weigh, root: &node[M]{}}
}

// Len is the number of members.
func (r *Ranked[M]) Len() int { return r.root.size }

// All is the sum of all weights.
func (r *Ranked[M]) All() Weight { return r.root.sum }

func (n *node[M]) leaf() bool { return n.children == nil }

// search finds where a member is, or belongs, in a leaf.
func (r *Ranked[M]) search(n *node[M], m M) (int, bool) {
	low, high := 0, len(n.members)
	for low < high {
		middle := int(uint(low+high) >> 1)
		c := r.compare(n.members[middle], m)
		if c == 0 {
			return middle, true
		}
		if c < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, false
}

// child finds the only child of an inner node that may hold a member: the last
// one that does not begin after it.
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

// recount makes size, sum and first of a node those of what it holds.
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

// refresh makes first of a node that of what it holds.
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
