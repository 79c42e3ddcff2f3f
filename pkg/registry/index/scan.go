// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"iter"
)

// ScanStrategy is one way to visit every item that can match a selector, and perhaps some
// that do not.
type ScanStrategy interface {
	fmt.Stringer
	// Name returns the kind of scan, for metrics.
	Name() string
	// EstimatedItems returns the number of items that a complete scan visits.
	EstimatedItems() int

	scan() iter.Seq[uint32]
}

var (
	_ ScanStrategy = noMatch{}
	_ ScanStrategy = singleValue{}
	_ ScanStrategy = multiValue{}
	_ ScanStrategy = labelPresent{}
	_ ScanStrategy = fullScan[int]{}
)

// scan returns the scan that one requirement allows, or nil if its matches are not in
// postings.
func (ps postings) scan(r *Requirement) ScanStrategy {
	if !r.positive() {
		return nil
	}
	k := ps[r.key]
	if k == nil {
		return noMatch{}
	}
	if r.op == opExists {
		return labelPresent{k}
	}
	var found []*posting
	for _, v := range r.values {
		if p := k.values[v]; p != nil {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return noMatch{}
	case 1:
		return singleValue{found[0]}
	default:
		return multiValue{found}
	}
}

// noMatch is the scan for a requirement that no item meets.
type noMatch struct{}

func (noMatch) Name() string           { return "no-match" }
func (noMatch) String() string         { return "no match" }
func (noMatch) EstimatedItems() int    { return 0 }
func (noMatch) scan() iter.Seq[uint32] { return func(func(uint32) bool) {} }

// singleValue scans the items with one label.
type singleValue struct{ p *posting }

func (singleValue) Name() string             { return "single-value" }
func (s singleValue) String() string         { return printable(s.p.key.name) + "=" + printable(s.p.value) }
func (s singleValue) EstimatedItems() int    { return len(s.p.entries) }
func (s singleValue) scan() iter.Seq[uint32] { return s.p.slots }

// multiValue scans the items with one of several values of a key. An item has one value, so
// none is visited twice.
type multiValue struct{ ps []*posting }

func (multiValue) Name() string { return "multi-value" }

func (s multiValue) String() string {
	return fmt.Sprintf("%s in %d values", printable(s.ps[0].key.name), len(s.ps))
}

func (s multiValue) EstimatedItems() int {
	n := 0
	for _, p := range s.ps {
		n += len(p.entries)
	}
	return n
}

func (s multiValue) scan() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, p := range s.ps {
			for slot := range p.slots {
				if !yield(slot) {
					return
				}
			}
		}
	}
}

// labelPresent scans the items that have a key.
type labelPresent struct{ k *keyPostings }

func (labelPresent) Name() string          { return "label-present" }
func (s labelPresent) String() string      { return printable(s.k.name) + " present" }
func (s labelPresent) EstimatedItems() int { return s.k.appearances }

func (s labelPresent) scan() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, p := range s.k.values {
			for slot := range p.slots {
				if !yield(slot) {
					return
				}
			}
		}
	}
}

// fullScan scans everything, for selectors without a positive requirement.
type fullScan[ID comparable] struct{ x *Items[ID] }

func (fullScan[ID]) Name() string          { return "full-scan" }
func (s fullScan[ID]) String() string      { return fmt.Sprintf("all %d items", s.x.Len()) }
func (s fullScan[ID]) EstimatedItems() int { return s.x.Len() }

func (s fullScan[ID]) scan() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, slot := range s.x.slots {
			if !yield(slot) {
				return
			}
		}
	}
}

// slots yields the slots in a posting.
func (p *posting) slots(yield func(uint32) bool) {
	for _, e := range p.entries {
		if !yield(e.slot) {
			return
		}
	}
}
