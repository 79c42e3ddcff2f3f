// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import "slices"

// entry is one appearance in a posting: the slot, and which of the slot's places refers to
// this entry. This reference makes removal O(1).
type entry struct{ slot, place uint32 }

// place is where a slot appears: the posting, and the position in it.
type place struct {
	posting *posting
	at      uint32
}

// section says why a slot is in a posting. The sections follow each other in the posting's
// entries, so that one slice serves the queries of each.
type section uint8

const (
	filed     section = iota // visited if a label set has this label
	loose                    // mentions the label and is filed nowhere
	mentioned                // mentions the label and is filed elsewhere
)

// posting lists the slots that appear under one label, or under the presence of one key.
//
//	entries: f f f f | l l | m m m
//	                 ^ends[filed]
//	                       ^ends[loose]
type posting struct {
	key      *keyPostings
	value    string
	entries  []entry
	ends     [2]uint32
	presence bool
}

type keyPostings struct {
	name    string
	values  map[string]*posting
	present *posting
	// appearances is the number of entries under all values.
	appearances int
}

func (p *posting) filed() []entry {
	if p == nil {
		return nil
	}
	return p.entries[:p.ends[filed]]
}

func (p *posting) loose() []entry { return p.entries[p.ends[filed]:p.ends[loose]] }

// relocate is called for an entry that a posting moved, with its new position.
type relocate func(e entry, at uint32)

// insert adds an entry to a section. To make room, it moves the first entry of each later
// section to the end of that section.
func (p *posting) insert(e entry, in section, moved relocate) uint32 {
	p.entries = append(p.entries, e)
	hole := uint32(len(p.entries) - 1)
	for s := mentioned; s > in; s-- {
		start := p.ends[s-1]
		hole = p.move(start, hole, moved)
		p.ends[s-1]++
	}
	p.entries[hole] = e
	return hole
}

// remove fills the hole with the last entry of its own section, and then the hole that this
// leaves with the last entry of the next section, and so on.
func (p *posting) remove(at uint32, moved relocate) {
	hole := at
	for s := filed; s < mentioned; s++ {
		if hole < p.ends[s] {
			p.ends[s]--
			hole = p.move(p.ends[s], hole, moved)
		}
	}
	last := uint32(len(p.entries) - 1)
	p.move(last, hole, moved)
	p.entries = p.entries[:last]
	if cap(p.entries) > 64 && len(p.entries) < cap(p.entries)/4 {
		p.entries = slices.Clone(p.entries)
	}
	if p.key != nil {
		p.key.released(p)
	}
}

// move copies an entry into the hole and returns the new hole.
func (p *posting) move(from, hole uint32, moved relocate) uint32 {
	if from != hole {
		p.entries[hole] = p.entries[from]
		moved(p.entries[hole], hole)
	}
	return from
}

// released updates the count of appearances, and deletes a posting that is empty.
func (k *keyPostings) released(p *posting) {
	if !p.presence {
		k.appearances--
	}
	switch {
	case len(p.entries) > 0:
	case p.presence:
		k.present = nil
	default:
		delete(k.values, p.value)
	}
}

func (k *keyPostings) empty() bool { return len(k.values) == 0 && k.present == nil }

type postings map[string]*keyPostings

// of returns the postings of a key, empty ones if it has none.
func (ps postings) of(key string) *keyPostings {
	if k := ps[key]; k != nil {
		return k
	}
	return &keyPostings{}
}

// claimValue returns the posting of a label, for an entry that is about to be inserted.
func (ps postings) claimValue(key, value string) *posting {
	k := ps.claimKey(key)
	k.appearances++
	p := k.values[value]
	if p == nil {
		p = &posting{key: k, value: value}
		if k.values == nil {
			k.values = map[string]*posting{}
		}
		k.values[value] = p
	}
	return p
}

// claimPresence does what claimValue does, for the presence of a key.
func (ps postings) claimPresence(key string) *posting {
	k := ps.claimKey(key)
	if k.present == nil {
		k.present = &posting{key: k, presence: true}
	}
	return k.present
}

func (ps postings) claimKey(key string) *keyPostings {
	k := ps[key]
	if k == nil {
		k = &keyPostings{name: key}
		ps[key] = k
	}
	return k
}

// drop removes one appearance, and the key if that was its last.
func (ps postings) drop(at place, moved relocate) {
	at.posting.remove(at.at, moved)
	if k := at.posting.key; k != nil && k.empty() {
		delete(ps, k.name)
	}
}
