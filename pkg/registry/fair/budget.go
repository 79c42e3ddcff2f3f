// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Budget grants a number of units to flows. The waiting flow that was charged least is
// next. Flows with equal charges take turns, and the waiters of one flow are served in
// order of arrival. No flow holds more than its share, so none can hold all units.
type Budget struct {
	total, share int64

	mu    sync.Mutex
	used  int64
	flows map[string]*flow
	// turns are the waiting flows, in the order of their last turns.
	turns []*flow
	// clock holds the charge of the flow that was served last. A flow that begins to wait
	// starts with this charge, so it earns nothing by staying idle.
	clock time.Duration
	// kept is how many flows were left when idle ones were last dropped.
	kept int
}

// flow holds units, waits for some, or has been charged more than the clock shows.
type flow struct {
	used    int64
	waiting []*waiter
	charged time.Duration
}

type waiter struct {
	units   int64
	granted chan struct{}
}

// NewBudget returns a budget of total units, of which one flow may hold a share.
func NewBudget(total, share int64) *Budget {
	return &Budget{total: total, share: min(share, total), flows: map[string]*flow{}}
}

// clamp reduces a request to at most a flow's share. Such a request is served once the flow
// holds nothing else.
func (b *Budget) clamp(units int64) int64 { return min(units, b.share) }

// Take waits until a flow may hold the units. Each Take that returns nil must be followed
// by one Give of the same units.
func (b *Budget) Take(ctx context.Context, name string, units int64) error {
	units = b.clamp(units)
	b.mu.Lock()
	f := b.flows[name]
	if f == nil {
		f = &flow{}
		b.flows[name] = f
	}
	f.charged = max(f.charged, b.clock)
	if len(b.turns) == 0 && b.used+units <= b.total && f.used+units <= b.share {
		b.grant(f, units)
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

// charge adds the time for which a flow has used a unit. Call it before Give. A flow with a
// higher charge is served later.
func (b *Budget) charge(name string, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flows[name].charged += d
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
	if b.used == 0 && len(b.turns) == 0 {
		b.clock = max(b.clock, f.charged) // no other flow waited while it was charged
	}
	b.forget(name, f)
	b.serve()
}

func (b *Budget) leave(name string, f *flow, w *waiter) {
	at := slices.Index(f.waiting, w)
	f.waiting = slices.Delete(f.waiting, at, at+1)
	if len(f.waiting) == 0 {
		at = slices.Index(b.turns, f)
		b.turns = slices.Delete(b.turns, at, at+1)
	}
	b.forget(name, f)
	b.serve() // others may have waited behind it
}

func (b *Budget) grant(f *flow, units int64) {
	b.used += units
	f.used += units
	b.clock = max(b.clock, f.charged)
}

// fewFlows is the number of flows below which idle ones are not searched for.
const fewFlows = 64

// forget drops the flow if it is idle: it holds and waits for nothing, and a new flow would
// start with the same charge. It drops other idle flows once many exist.
func (b *Budget) forget(name string, f *flow) {
	idle := func(f *flow) bool { return f.used == 0 && len(f.waiting) == 0 && f.charged <= b.clock }
	if idle(f) {
		delete(b.flows, name)
	}
	if len(b.flows) < 2*max(b.kept, fewFlows) {
		return
	}
	maps.DeleteFunc(b.flows, func(_ string, f *flow) bool { return idle(f) })
	b.kept = len(b.flows)
}

// serve grants what can be granted. It passes over a flow that holds its share. It does not
// pass over a flow that only has to wait until enough units are given back: a large request
// would never be served while small ones arrive.
func (b *Budget) serve() {
	for {
		next := b.next()
		if next < 0 {
			return
		}
		f := b.turns[next]
		w := f.waiting[0]
		if b.used+w.units > b.total {
			return
		}
		b.grant(f, w.units)
		close(w.granted)
		f.waiting[0] = nil
		f.waiting = f.waiting[1:]
		if next == 0 {
			b.turns = b.turns[1:] // the usual case, and cheap when thousands wait
		} else {
			b.turns = slices.Delete(b.turns, next, next+1)
		}
		if len(f.waiting) > 0 {
			b.turns = append(b.turns, f)
		}
	}
}

// next returns the index of the flow that is next, -1 if none may hold more.
func (b *Budget) next() int {
	next := -1
	for i, f := range b.turns {
		switch {
		case f.used+f.waiting[0].units > b.share:
		case f.charged <= b.clock:
			return i
		case next < 0 || f.charged < b.turns[next].charged:
			next = i
		}
	}
	return next
}

func (b *Budget) contended() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.turns) > 0
}
