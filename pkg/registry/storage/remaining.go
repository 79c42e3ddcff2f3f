// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"sync"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// place is where a page of a list without a selector begins: the state, the namespace and
// the first name.
type place struct {
	state     any // from view.State
	namespace string
	from      record.Name
}

// maxRemaining is how many places are remembered. A list whose place was forgotten is
// counted again.
const maxRemaining = 256

// remaining holds how many objects follow the places at which recent lists stopped. Each
// page says how many objects follow it. Counting them for each of two thousand pages would
// cost a thousand times as much as the list. A remaining is safe for concurrent use.
type remaining struct {
	mu struct {
		sync.Mutex
		known map[place]int64
		// order is a ring of the places in known; next is the index of the oldest.
		order [maxRemaining]place
		next  int
	}
}

func (r *remaining) get(at place) (int64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, ok := r.mu.known[at]
	return n, ok
}

func (r *remaining) put(at place, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, have := r.mu.known[at]; have {
		return // the number never changes within one state
	}
	if r.mu.known == nil {
		r.mu.known = map[place]int64{}
	}
	delete(r.mu.known, r.mu.order[r.mu.next])
	r.mu.known[at] = n
	r.mu.order[r.mu.next] = at
	r.mu.next = (r.mu.next + 1) % maxRemaining
}
