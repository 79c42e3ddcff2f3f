// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "iter"

// Get returns the member that is equal to m, if the collection has one.
func (r *Ranked[M]) Get(m M) (M, bool) {
	n := r.root
	for !n.leaf() {
		n = n.children[r.child(n, m)]
	}
	if at, found := r.search(n, m); found {
		return n.members[at], true
	}
	var none M
	return none, false
}

// Sum returns the sum of the weights of the members from rank from up to, but not
// including, rank to. Ranks that do not exist add nothing.
func (r *Ranked[M]) Sum(from, to int) Weight {
	var sum Weight
	r.addRange(r.root, from, to, &sum)
	return sum
}

func (r *Ranked[M]) addRange(n *node[M], from, to int, sum *Weight) {
	switch {
	case from >= to || from >= n.size || to <= 0:
	case from <= 0 && to >= n.size:
		sum.Add(n.sum)
	case n.leaf():
		for _, m := range n.members[max(from, 0):min(to, n.size)] {
			sum.Add(r.weigh(m))
		}
	default:
		for _, c := range n.children {
			r.addRange(c, from, to, sum)
			from, to = from-c.size, to-c.size
		}
	}
}

// Each iterates over the members from rank from up to, but not including, rank to. The
// collection must not change meanwhile.
func (r *Ranked[M]) Each(from, to int) iter.Seq[M] {
	return func(yield func(M) bool) { r.each(r.root, from, to, yield) }
}

func (r *Ranked[M]) each(n *node[M], from, to int, yield func(M) bool) bool {
	if from >= to || from >= n.size || to <= 0 {
		return true
	}
	if n.leaf() {
		for _, m := range n.members[max(from, 0):min(to, n.size)] {
			if !yield(m) {
				return false
			}
		}
		return true
	}
	for _, c := range n.children {
		if !r.each(c, from, to, yield) {
			return false
		}
		from, to = from-c.size, to-c.size
	}
	return true
}

// Listed returns at most limit members: the first in a range of ranks that are not ready.
func (r *Ranked[M]) Listed(from, to, limit int) []M {
	return r.First(from, to, limit, func(w Weight) bool { return w.Listed > 0 })
}

// First returns at most limit members: the first in a range of ranks whose weight satisfies
// has. It skips nodes whose sum does not satisfy has. So a sum must satisfy has if one of
// its weights does, as with "some counter is above zero".
func (r *Ranked[M]) First(from, to, limit int, has func(Weight) bool) []M {
	var out []M
	if limit > 0 {
		r.collect(r.root, from, to, limit, has, &out)
	}
	return out
}

// collect appends the members below n that First looks for to out. It returns false when
// out has reached the limit.
func (r *Ranked[M]) collect(n *node[M], from, to, limit int, has func(Weight) bool, out *[]M) bool {
	if from >= to || from >= n.size || to <= 0 || !has(n.sum) {
		return true
	}
	if n.leaf() {
		for _, m := range n.members[max(from, 0):min(to, n.size)] {
			if !has(r.weigh(m)) {
				continue
			}
			if *out = append(*out, m); len(*out) == limit {
				return false
			}
		}
		return true
	}
	for _, c := range n.children {
		if !r.collect(c, from, to, limit, has, out) {
			return false
		}
		from, to = from-c.size, to-c.size
	}
	return true
}
