// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "slices"

// Fill puts members into an empty collection. The caller passes them in order and without
// duplicates, and may reuse the slice afterwards. Fill weighs each member once, and leaves
// full nodes like Put does for members in order.
func (r *Ranked[M]) Fill(members []M) {
	if r.root.size != 0 {
		panic("summary: only an empty collection can be filled")
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
