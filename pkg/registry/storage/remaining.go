// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"sync"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// place is where a page of a list that selects nothing begins: in which state, in which
// namespace, and from which name on.
type place struct {
	state     any // of view.State
	namespace string
	from      record.Name
}

// maxRemaining is how many lists may be between two of their pages: a list whose place
// has been forgotten is counted anew.
const maxRemaining = 256

// remaining is how many objects there are from the places on at which the last lists
// have stopped. A page says how many follow it; to count them for each of two thousand
// pages would be a thousand times the list. Safe for concurrent use.
type remaining struct {
	mu struct {
		sync.Mutex
		known map[place]int64
		// order is what was put, in a ring; next is the oldest.
		order [maxRemaining]place
		next  int
	}
}

// get returns how many objects there are from a place on, if that is known.
func (r *remaining) get(at place) (int64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.mu.known[at]
	return n, ok
}

// put keeps how many objects there are from a place on.
func (r *remaining) put(at place, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, have := r.mu.known[at]; have {
		return // of one state it is always the same
	}
	if r.mu.known == nil {
		r.mu.known = map[place]int64{}
	}
	delete(r.mu.known, r.mu.order[r.mu.next])
	r.mu.known[at] = n
	r.mu.order[r.mu.next] = at
	r.mu.next = (r.mu.next + 1) % maxRemaining
}
