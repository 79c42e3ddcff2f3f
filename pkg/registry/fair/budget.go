// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"sync"
)

// Budget gives out a number of units to flows. Flows that wait are served in turns, and
// the waiters of one flow in the order in which they came. No flow holds more than its
// share, so that one flow cannot hold all.
type Budget struct {
	total, share int64

	mu    sync.Mutex
	used  int64
	flows map[string]*flow
	// turns are the flows that wait, the next one first.
	turns []*flow
}

// flow is a flow that holds something or waits.
type flow struct {
	used    int64
	waiting []*waiter
}

type waiter struct {
	units   int64
	granted chan struct{}
}

// NewBudget returns a budget of so many units in total, of which one flow may hold a
// share.
func NewBudget(total, share int64) *Budget {
	return &Budget{total: total, share: min(share, total), flows: map[string]*flow{}}
}

// clamp makes a request of more than a flow's share one of the share: it is served once
// the flow holds nothing else.
func (b *Budget) clamp(units int64) int64 { return min(units, b.share) }

// Take waits until a flow may hold the units. Each Take that returned nil is followed by
// one Give of the same units.
func (b *Budget) Take(ctx context.Context, name string, units int64) error {
	units = b.clamp(units)
	b.mu.Lock()
	f := b.flows[name]
	if f == nil {
		f = &flow{}
		b.flows[name] = f
	}
	if len(b.turns) == 0 && b.used+units <= b.total && f.used+units <= b.share {
		b.used += units
		f.used += units
		b.mu.Unlock()
		return nil
	}
	w := &waiter{units: units, granted: make(chan struct{})}
	f.waiting = append(f.waiting, w)
	if len(f.waiting) == 1 {
		b.turns = append(b.turns, f)
	}
	b.serve()
	b.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.granted:
		b.give(name, units)
	default:
		b.leave(name, f, w)
	}
	return context.Cause(ctx)
}

// Give returns units that a flow has taken.
func (b *Budget) Give(name string, units int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.give(name, b.clamp(units))
}

func (b *Budget) give(name string, units int64) {
	f := b.flows[name]
	b.used -= units
	f.used -= units
	b.forget(name, f)
	b.serve()
}

// leave takes a waiter out that waits no more.
func (b *Budget) leave(name string, f *flow, w *waiter) {
	f.waiting = without(f.waiting, w)
	if len(f.waiting) == 0 {
		b.turns = without(b.turns, f)
	}
	b.forget(name, f)
	b.serve() // it may have been what others waited behind
}

// forget drops a flow that holds nothing and waits for nothing.
func (b *Budget) forget(name string, f *flow) {
	if f.used == 0 && len(f.waiting) == 0 {
		delete(b.flows, name)
	}
}

// serve grants what can be granted. A flow that has its share is passed over. One that
// only has to wait until enough is given back is not: a large request would never be
// served while small ones come.
func (b *Budget) serve() {
	for passed := 0; passed < len(b.turns); {
		f := b.turns[0]
		w := f.waiting[0]
		if f.used+w.units > b.share {
			b.turns = append(b.turns[1:], f)
			passed++
			continue
		}
		if b.used+w.units > b.total {
			return
		}
		b.used += w.units
		f.used += w.units
		close(w.granted)
		f.waiting[0] = nil
		f.waiting = f.waiting[1:]
		b.turns = b.turns[1:]
		if len(f.waiting) > 0 {
			b.turns = append(b.turns, f)
		}
		passed = 0
	}
}

// contended reports whether a flow waits that others could let in.
func (b *Budget) contended() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.turns) > 0
}

// without is a list without one of its elements.
func without[T comparable](list []T, element T) []T {
	for i, e := range list {
		if e == element {
			return append(list[:i:i], list[i+1:]...)
		}
	}
	return list
}
