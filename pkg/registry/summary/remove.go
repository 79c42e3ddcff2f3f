// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "slices"

// Delete removes the member that is equal to m, if the collection has one.
func (r *Ranked[M]) Delete(m M) {
	r.remove(r.root, m)
	for len(r.root.children) == 1 {
		r.root = r.root.children[0]
	}
	if r.root.size == 0 {
		r.root = &node[M]{}
	}
}

func (r *Ranked[M]) remove(n *node[M], m M) bool {
	if n.leaf() {
		at, found := r.search(n, m)
		if found {
			n.sum.Sub(r.weigh(n.members[at]))
			n.size--
			n.members = slices.Delete(n.members, at, at+1)
			r.refresh(n)
		}
		return found
	}
	at := r.child(n, m)
	c := n.children[at]
	sum := c.sum
	if !r.remove(c, m) {
		return false
	}
	n.size--
	n.sum.Sub(sum)
	n.sum.Add(c.sum)
	if c.size == 0 {
		n.children = slices.Delete(n.children, at, at+1)
	} else {
		r.merge(n, at)
	}
	r.refresh(n)
	return true
}

// merge joins a child that has become small with a neighbour, if both together are small.
func (r *Ranked[M]) merge(n *node[M], at int) {
	for _, left := range [2]int{at, at - 1} {
		if left < 0 || left+1 >= len(n.children) {
			continue
		}
		a, b := n.children[left], n.children[left+1]
		if len(a.members)+len(b.members) > sparse || len(a.children)+len(b.children) > sparse {
			continue
		}
		seam := len(a.children)
		a.members = append(a.members, b.members...)
		a.children = append(a.children, b.children...)
		a.size += b.size
		a.sum.Add(b.sum)
		n.children = slices.Delete(n.children, left+1, left+2)
		if !a.leaf() {
			r.merge(a, seam)
		}
		return
	}
}
