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

// Counters are of one resource, over all its stores. They are only read from
// outside.
type Counters struct {
	// Watches are open now.
	Watches atomic.Int64
	// Events were sent to watchers, bookmarks aside.
	Events atomic.Int64
	// Rendered objects were built for an answer or an event. All watches that are sent
	// an event at about the same time share its object.
	Rendered atomic.Int64
	// Expired watches were told to list again.
	Expired atomic.Int64
	// Unready watches were ended because reads were no longer right.
	Unready atomic.Int64
	// Committed, Replanned and Failed count transactions: a replanned one was
	// refused since what it depends on had changed, and was planned anew.
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

// CountIn makes a store count in an activity, before it is used; without, it
// counts for nobody.
func (s *Store) CountIn(a *Activity) *Store {
	if a != nil {
		s.counters = a.of(s.resource.Resource)
	}
	return s
}

// wrote counts the outcome of a transaction.
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

// ended counts why a watch ended.
func (c *Counters) ended(ctx context.Context, expired bool) {
	c.Watches.Add(-1)
	switch {
	case expired:
		c.Expired.Add(1)
	case errors.Is(context.Cause(ctx), engine.ErrNotReady):
		c.Unready.Add(1)
	}
}
