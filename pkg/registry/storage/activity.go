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

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"

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
	// Committed and Replanned count transactions. A replanned one was refused because a
	// record that it depends on had changed, and was planned anew.
	Committed, Replanned atomic.Int64
	// Failed counts transactions that ended with an error, and writes for which etcd did not
	// answer the read before the transaction.
	Failed atomic.Int64
	// Refused counts requests to write that were refused because the replica was not ready.
	Refused atomic.Int64
}

// writes holds the verbs of requests that change objects.
var writes = sets.New("create", "update", "patch", "delete", "deletecollection")

// NoteRefused counts a request for a resource that was refused because the replica was not
// ready. It ignores reads, and resources without a store.
func (a *Activity) NoteRefused(verb, resource string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.mu.byResource[resource]; c != nil && writes.Has(verb) {
		c.Refused.Add(1)
	}
}

// unread counts a request to write for which etcd did not answer a read. It ignores
// requests to read.
func (c *Counters) unread(ctx context.Context) {
	if info, ok := request.RequestInfoFrom(ctx); ok && writes.Has(info.Verb) {
		c.Failed.Add(1)
	}
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
