// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"hash/maphash"
)

// Selectors holds selectors under ids, filed as the package comment describes.
type Selectors[ID comparable] struct {
	postings postings
	// unfiled lists the filings without a positive requirement.
	unfiled posting
	filings []filing[ID]
	// free lists the filings to reuse, so that slot numbers stay small.
	free []uint32
	ids  map[ID]member
	// byHash chains the filings whose selectors have the same hash.
	byHash map[uint64]uint32
	seed   maphash.Seed
}

// filing is one distinct selector and the ids that share it.
type filing[ID comparable] struct {
	selector Selector
	ids      []ID
	// places has one element for each mention, in the order of the requirements and their
	// values. For a loose selector, one in unfiled follows.
	places []place
	// under is the index of the requirement that the selector is filed under, or notFiled.
	under int32
	// next is the slot of the next filing with the same hash, plus one.
	next uint32
}

const notFiled = -1

// member says where an id is: its filing, and its position in it.
type member struct{ slot, at uint32 }

// NewSelectors returns an empty set of selectors.
func NewSelectors[ID comparable]() *Selectors[ID] {
	return &Selectors[ID]{postings: postings{}, ids: map[ID]member{}, byHash: map[uint64]uint32{}, seed: maphash.MakeSeed()}
}

// Len returns the number of ids.
func (x *Selectors[ID]) Len() int { return len(x.ids) }

// Distinct counts distinct selectors: those filed under a positive requirement, and the
// loose ones, which have none.
type Distinct struct{ Filed, Loose int }

// Distinct returns the number of distinct selectors, in O(1).
func (x *Selectors[ID]) Distinct() Distinct {
	loose := len(x.unfiled.entries)
	return Distinct{Filed: len(x.filings) - len(x.free) - loose, Loose: loose}
}

// Empty reports whether nothing is left in memory, as it must after as many removals as
// additions.
func (x *Selectors[ID]) Empty() bool {
	return len(x.ids)+len(x.postings)+len(x.unfiled.entries)+len(x.filings)+len(x.free)+len(x.byHash) == 0
}

// Add files a selector. It panics if the id exists: the older selector would remain filed
// without an owner, and would be yielded for ever.
func (x *Selectors[ID]) Add(id ID, selector Selector) {
	if _, ok := x.ids[id]; ok {
		panic(fmt.Sprintf("index: selector %v added twice: the first one would have no owner and be yielded for ever", id))
	}
	hash := selector.hash(x.seed)
	slot, ok := x.find(hash, selector)
	if !ok {
		slot = x.file(hash, selector)
	}
	f := &x.filings[slot]
	x.ids[id] = member{slot: slot, at: uint32(len(f.ids))}
	f.ids = append(f.ids, id)
}

// Remove removes an id. An unknown id is ignored.
func (x *Selectors[ID]) Remove(id ID) {
	m, ok := x.ids[id]
	if !ok {
		return
	}
	delete(x.ids, id)
	f := &x.filings[m.slot]
	last := len(f.ids) - 1
	if moved := f.ids[last]; int(m.at) != last {
		f.ids[m.at] = moved
		x.ids[moved] = m
	}
	var zero ID
	f.ids[last] = zero
	f.ids = f.ids[:last]
	if last == 0 {
		x.unfile(m.slot)
	}
}

func (x *Selectors[ID]) find(hash uint64, selector Selector) (uint32, bool) {
	for next := x.byHash[hash]; next != 0; next = x.filings[next-1].next {
		if x.filings[next-1].selector.equal(selector) {
			return next - 1, true
		}
	}
	return 0, false
}

// file creates a filing for a selector that has none.
func (x *Selectors[ID]) file(hash uint64, selector Selector) uint32 {
	slot := uint32(len(x.filings))
	if n := len(x.free); n > 0 {
		slot = x.free[n-1]
		x.free = x.free[:n-1]
	} else {
		x.filings = append(x.filings, filing[ID]{})
	}
	f := &x.filings[slot]
	*f = filing[ID]{selector: selector, under: x.cheapest(selector), next: x.byHash[hash]}
	x.byHash[hash] = slot + 1

	f.places = make([]place, 0, max(1, selector.mentions()))
	rest := mentioned
	if f.under == notFiled {
		rest = loose
	}
	for i := range selector.requirements {
		r := &selector.requirements[i]
		in := rest
		if int32(i) == f.under {
			in = filed
		}
		if r.op == opExists || r.op == opDoesNotExist {
			x.place(slot, x.postings.claimPresence(r.key), in)
			continue
		}
		for _, v := range r.values {
			x.place(slot, x.postings.claimValue(r.key, v), in)
		}
	}
	if f.under == notFiled {
		x.place(slot, &x.unfiled, filed)
	}
	return slot
}

func (x *Selectors[ID]) place(slot uint32, p *posting, in section) {
	f := &x.filings[slot]
	e := entry{slot: slot, place: uint32(len(f.places))}
	f.places = append(f.places, place{posting: p, at: p.insert(e, in, x.relocate)})
}

func (x *Selectors[ID]) relocate(e entry, at uint32) {
	x.filings[e.slot].places[e.place].at = at
}

// cheapest returns the positive requirement to file a selector under. It is the one with
// the fewest selectors filed under all its values, because each value is one more way to be
// visited in vain. Presence costs one more than a value, because label sets have a given
// key more often than a given value of it.
func (x *Selectors[ID]) cheapest(selector Selector) int32 {
	best, least := int32(notFiled), 0
	for i := range selector.requirements {
		r := &selector.requirements[i]
		if !r.positive() {
			continue
		}
		cost, k := 0, x.postings.of(r.key)
		if r.op == opExists {
			cost = 2 + len(k.present.filed())
		}
		for _, v := range r.values {
			cost += 1 + len(k.values[v].filed())
		}
		if best == notFiled || cost < least {
			best, least = int32(i), cost
		}
	}
	return best
}

// unfile removes a filing that no id shares any longer.
func (x *Selectors[ID]) unfile(slot uint32) {
	f := &x.filings[slot]
	for _, p := range f.places {
		x.postings.drop(p, x.relocate)
	}
	x.unchain(f.selector.hash(x.seed), slot)
	*f = filing[ID]{}
	x.free = append(x.free, slot)
	if len(x.ids) == 0 {
		// Slots are released only all at once: moving a filing would touch every id that
		// shares it.
		x.filings, x.free = nil, nil
		x.unfiled.entries = nil
	}
}

func (x *Selectors[ID]) unchain(hash uint64, slot uint32) {
	next := x.filings[slot].next
	if head := x.byHash[hash]; head == slot+1 {
		if next == 0 {
			delete(x.byHash, hash)
		} else {
			x.byHash[hash] = next
		}
		return
	}
	at := x.byHash[hash] - 1
	for x.filings[at].next != slot+1 {
		at = x.filings[at].next - 1
	}
	x.filings[at].next = next
}
