// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"iter"
	"maps"
	"slices"
)

// scan visits every item that can match a selector, and perhaps some that do not.
type scan struct {
	// items is the number of items that a complete scan visits.
	items int
	slots iter.Seq[uint32]
}

// cheapest returns the scan that visits the fewest items. A selector without a positive
// requirement needs a scan of all.
func (x *Items[ID]) cheapest(selector Selector) scan {
	best := scan{len(x.slots), maps.Values(x.slots)}
	for i := range selector.requirements {
		if r := &selector.requirements[i]; r.positive() {
			if s := x.postings.scan(r); s.items <= best.items {
				best = s
			}
		}
	}
	return best
}

// scan returns the scan of the items that meet a positive requirement. An item has one value
// of a key, so none is visited twice.
func (ps postings) scan(r *Requirement) scan {
	k := ps.of(r.key)
	if r.op == opExists {
		return scan{k.appearances, slotsOf(maps.Values(k.values))}
	}
	items := 0
	var found []*posting
	for _, v := range r.values {
		if p := k.values[v]; p != nil {
			items += len(p.entries)
			found = append(found, p)
		}
	}
	return scan{items, slotsOf(slices.Values(found))}
}

func slotsOf(ps iter.Seq[*posting]) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for p := range ps {
			for _, e := range p.entries {
				if !yield(e.slot) {
					return
				}
			}
		}
	}
}
