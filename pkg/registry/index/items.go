// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import "iter"

// Items holds label sets under ids, with a posting set for each label.
type Items[ID comparable] struct {
	postings postings
	items    []item[ID]
	free     []uint32
	slots    map[ID]uint32
}

type item[ID comparable] struct {
	id     ID
	labels map[string]string
	// places has one element for each label, in any order.
	places []place
}

// NewItems returns an empty set of items.
func NewItems[ID comparable]() *Items[ID] {
	return &Items[ID]{postings: postings{}, slots: map[ID]uint32{}}
}

// Len returns the number of items.
func (x *Items[ID]) Len() int { return len(x.slots) }

// Empty reports whether nothing is left in memory, like Selectors.Empty.
func (x *Items[ID]) Empty() bool {
	return len(x.slots)+len(x.postings)+len(x.items)+len(x.free) == 0
}

// Set adds an item or replaces its labels. It writes only the labels that differ.
func (x *Items[ID]) Set(id ID, labels map[string]string) {
	slot, ok := x.slots[id]
	if !ok {
		slot = x.claim(id)
	}
	it := &x.items[slot]
	before := it.labels
	it.labels = labels
	for i := len(it.places) - 1; i >= 0; i-- {
		p := it.places[i].posting
		if v, ok := labels[p.key.name]; !ok || v != p.value {
			x.drop(it, i)
		}
	}
	for key, value := range labels {
		if v, ok := before[key]; ok && v == value {
			continue
		}
		p := x.postings.claimValue(key, value)
		e := entry{slot: slot, place: uint32(len(it.places))}
		it.places = append(it.places, place{posting: p, at: p.insert(e, filed, x.relocate)})
	}
}

// Delete removes an item. An unknown id is ignored.
func (x *Items[ID]) Delete(id ID) {
	slot, ok := x.slots[id]
	if !ok {
		return
	}
	delete(x.slots, id)
	it := &x.items[slot]
	for _, p := range it.places {
		x.postings.drop(p, x.relocate)
	}
	*it = item[ID]{}
	x.free = append(x.free, slot)
	if len(x.slots) == 0 {
		x.items, x.free = nil, nil
	}
}

func (x *Items[ID]) claim(id ID) uint32 {
	slot := uint32(len(x.items))
	if n := len(x.free); n > 0 {
		slot = x.free[n-1]
		x.free = x.free[:n-1]
		x.items[slot] = item[ID]{id: id}
	} else {
		x.items = append(x.items, item[ID]{id: id})
	}
	x.slots[id] = slot
	return slot
}

// drop removes one label of an item, and moves the item's last place into the gap.
func (x *Items[ID]) drop(it *item[ID], i int) {
	x.postings.drop(it.places[i], x.relocate)
	last := len(it.places) - 1
	if i != last {
		moved := it.places[last]
		it.places[i] = moved
		moved.posting.entries[moved.at].place = uint32(i)
	}
	it.places[last] = place{}
	it.places = it.places[:last]
}

func (x *Items[ID]) relocate(e entry, at uint32) {
	x.items[e.slot].places[e.place].at = at
}

// Select yields the ids with matching labels.
func (x *Items[ID]) Select(selector Selector) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for slot := range x.cheapest(selector).slots {
			it := &x.items[slot]
			if selector.Matches(it.labels) && !yield(it.id) {
				return
			}
		}
	}
}
