// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "slices"

// Put adds a member, or replaces its equal.
func (r *Ranked[M]) Put(m M) {
	right := r.put(r.root, m, true)
	if right == nil {
		return
	}
	root := &node[M]{children: []*node[M]{r.root, right}}
	r.recount(root)
	r.root = root
}

// put puts a member below n; last says that n is the last node of its level. If put had to
// split n, it returns the right half.
func (r *Ranked[M]) put(n *node[M], m M, last bool) (right *node[M]) {
	if n.leaf() {
		return r.putLeaf(n, m, last)
	}
	at := r.child(n, m)
	last = last && at == len(n.children)-1
	c := n.children[at]
	size, sum := c.size, c.sum
	half := r.put(c, m, last)
	if half == nil {
		n.size += c.size - size
		n.sum.Sub(sum)
		n.sum.Add(c.sum)
		r.refresh(n)
		return nil
	}
	n.children = slices.Insert(n.children, at+1, half)
	if len(n.children) > width {
		right = &node[M]{}
		n.children, right.children = split(n.children, last)
		r.recount(right)
	}
	r.recount(n)
	return right
}

func (r *Ranked[M]) putLeaf(n *node[M], m M, last bool) (right *node[M]) {
	at, found := r.search(n, m)
	switch {
	case found:
		n.sum.Sub(r.weigh(n.members[at]))
		n.sum.Add(r.weigh(m))
		n.members[at] = m
		r.refresh(n)
		return nil
	case len(n.members) < width:
		n.members = slices.Insert(n.members, at, m)
		n.size++
		n.sum.Add(r.weigh(m))
		r.refresh(n)
		return nil
	}
	members := make([]M, 0, width+1)
	members = append(append(append(members, n.members[:at]...), m), n.members[at:]...)
	right = &node[M]{}
	n.members, right.members = split(members, last && at == width)
	r.recount(n)
	r.recount(right)
	return right
}

// split cuts a list in two. It cuts in the middle or, if the whole collection grew at its
// end, before the last element. So members that are put in order leave full nodes.
func split[T any](list []T, atEnd bool) (left, right []T) {
	at := len(list) / 2
	if atEnd {
		at = len(list) - 1
	}
	return append([]T(nil), list[:at]...), append([]T(nil), list[at:]...)
}
