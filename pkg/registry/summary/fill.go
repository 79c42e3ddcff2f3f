// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "slices"

// Fill makes members what an empty collection holds. They are in order, each once, and
// the slice is the caller's again after. It costs one weighing for each, and leaves full
// nodes, as members leave that are put in order.
func (r *Ranked[M]) Fill(members []M) {
	if r.root.size != 0 {
		panic("summary: a collection that is filled must be empty")
	}
	if len(members) == 0 {
		return
	}
	var level []*node[M]
	for some := range slices.Chunk(members, width) {
		level = append(level, &node[M]{members: slices.Clone(some)})
	}
	for {
		for _, n := range level {
			r.recount(n)
		}
		if len(level) == 1 {
			r.root = level[0]
			return
		}
		var above []*node[M]
		for some := range slices.Chunk(level, width) {
			above = append(above, &node[M]{children: slices.Clone(some)})
		}
		level = above
	}
}
