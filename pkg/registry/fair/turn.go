// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"sync"
	"time"
)

const (
	// eventsLast and heavyLasts bound how long a turn keeps others waiting. Work that takes
	// longer is waiting for something, such as a client that does not read or a webhook. A
	// list that is encoded as a whole must stay below the bound: otherwise all lists beyond
	// it would compute at once.
	eventsLast = 20 * time.Millisecond
	heavyLasts = 5 * time.Second
	// turnLasts is how long a turn for many events is kept while others wait.
	turnLasts = 2 * time.Millisecond
)

// Turn is the right of one goroutine to compute, which ends by itself after a while. Only
// that goroutine may call its methods, except Close. They do nothing on nil.
type Turn struct {
	budget *Budget
	pace   *pace
	user   string
	lasts  time.Duration

	mu     sync.Mutex
	held   bool
	closed bool
	since  time.Time
	// lease gives the turn back unless it is stopped before.
	lease *time.Timer
}

// Begin waits for the turn, unless it is held.
func (t *Turn) Begin(ctx context.Context) error {
	if t == nil || t.idle() {
		return nil
	}
	if err := t.budget.Take(ctx, t.user, 1); err != nil {
		return err
	}
	// The turn is kept while it rests, so that no other goroutine works instead.
	if err := t.pace.rest(ctx, t.user); err != nil {
		t.budget.Give(t.user, 1)
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		t.budget.Give(t.user, 1)
		return nil
	}
	t.held, t.since = true, time.Now()
	if t.lease == nil {
		t.lease = time.AfterFunc(t.lasts, func() { t.budget.Give(t.user, 1) })
	} else {
		t.lease.Reset(t.lasts)
	}
	return nil
}

// idle reports whether Begin has nothing to do.
func (t *Turn) idle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held || t.closed
}

// End gives the turn back, if it is held.
func (t *Turn) End() { t.end() }

// end does the same, and reports whether the turn was held.
func (t *Turn) end() bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.held {
		return false
	}
	t.held = false
	worked := time.Since(t.since)
	t.pace.worked(worked)
	if t.lease.Stop() {
		if t.pace != nil {
			t.budget.charge(t.user, worked)
		}
		t.budget.Give(t.user, 1)
	}
	return true
}

// Close ends the turn for good.
func (t *Turn) Close() {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.end()
}

// Outside calls f, which waits for something, without the turn. If the turn was held, it
// takes it again.
func (t *Turn) Outside(ctx context.Context, f func() error) error {
	if !t.end() {
		return f()
	}
	if err := f(); err != nil {
		return err
	}
	return t.Begin(ctx)
}

// Share yields the turn if it has been held for long and others wait.
func (t *Turn) Share(ctx context.Context) error {
	if t == nil || time.Since(t.since) < turnLasts || !t.budget.contended() || !t.end() {
		return nil
	}
	return t.Begin(ctx)
}

// Pause rests, holding the turn, if other users need the processors.
func (t *Turn) Pause(ctx context.Context) error {
	if t == nil || t.pace == nil {
		return nil
	}
	t.mu.Lock()
	worked := time.Since(t.since)
	held := t.held
	t.mu.Unlock()
	if !held || worked < stretch {
		return nil
	}
	t.pace.worked(worked)
	err := t.pace.rest(ctx, t.user)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.since = time.Now()
	if t.held && t.lease.Stop() {
		t.budget.charge(t.user, worked)
		t.lease.Reset(t.lasts)
	}
	return err
}

// During calls f with the turn.
func (t *Turn) During(ctx context.Context, f func()) error {
	if err := t.Begin(ctx); err != nil {
		return err
	}
	defer t.End() // even if f panics, as HTTP handlers do to end a connection
	f()
	return nil
}
