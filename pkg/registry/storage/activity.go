// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/musterfleet/muster/pkg/registry/engine"
)

// Activity counts what stores do, by resource. The zero value is ready to use.
type Activity struct {
	mu struct {
		sync.Mutex
		byResource map[string]*Counters
	}
}

// Counters counts the activity on one resource, over all its stores. Other packages only
// read it.
type Counters struct {
	// Watches is how many watches are open.
	Watches atomic.Int64
	// Events counts events sent to watchers, without bookmarks.
	Events atomic.Int64
	// Rendered counts objects built for an answer or an event. All watches that are sent an
	// event at about the same time share its object.
	Rendered atomic.Int64
	// Expired counts watches whose clients had to list again.
	Expired atomic.Int64
	// Unready counts watches that ended because the replica was no longer ready.
	Unready atomic.Int64
	// Committed, Replanned and Failed count transactions. A replanned one was refused
	// because a record that it depends on had changed, and was planned anew.
	Committed, Replanned, Failed atomic.Int64
}

// All iterates over the counters in the order of the resources.
func (a *Activity) All() iter.Seq2[string, *Counters] {
	a.mu.Lock()
	defer a.mu.Unlock()
	counters := maps.Clone(a.mu.byResource)
	return func(yield func(string, *Counters) bool) {
		for _, resource := range slices.Sorted(maps.Keys(counters)) {
			if !yield(resource, counters[resource]) {
				return
			}
		}
	}
}

func (a *Activity) of(resource string) *Counters {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.byResource == nil {
		a.mu.byResource = map[string]*Counters{}
	}
	c := a.mu.byResource[resource]
	if c == nil {
		c = new(Counters)
		a.mu.byResource[resource] = c
	}
	return c
}

// CountIn makes the store count in a, and returns the store. Call it before the store is
// used. Without it, the counts are not published.
func (s *Store) CountIn(a *Activity) *Store {
	if a != nil {
		s.counters = a.of(s.resource.Resource)
	}
	return s
}

func (c *Counters) wrote(ok bool, err error) {
	switch {
	case err != nil:
		c.Failed.Add(1)
	case ok:
		c.Committed.Add(1)
	default:
		c.Replanned.Add(1)
	}
}

func (c *Counters) ended(ctx context.Context, expired bool) {
	c.Watches.Add(-1)
	switch {
	case expired:
		c.Expired.Add(1)
	case errors.Is(context.Cause(ctx), engine.ErrNotReady):
		c.Unready.Add(1)
	}
}
