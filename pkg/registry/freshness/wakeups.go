// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"sync"
	"sync/atomic"
)

// Scope names what a waiter waits for: changes of a resource, in one namespace or, if
// Namespace is "", in any. Every new revision wakes the zero Scope.
type Scope struct {
	Resource, Namespace string
}

// Wakeup is one wait for a scope.
type Wakeup struct {
	done chan struct{}
	// by is the first revision that changed the scope, 0 if that is not known. It is
	// written before done is closed.
	by int64
}

// Done returns a channel that is closed when something in the scope has changed, or when the
// state was loaded.
func (w *Wakeup) Done() <-chan struct{} { return w.done }

// Before returns a revision, once the wakeup is done. Nothing in the scope has changed up to
// it, since the view that its owner looked at after taking the wakeup. It is not positive if
// no such revision is known. It keeps the cursor of a watch with few changes from falling
// behind.
func (w *Wakeup) Before() int64 { return w.by - 1 }

// Wakeups wakes waiters by closing a channel. A waiter takes its Wakeup before it looks at
// the data, so it misses nothing. The zero value is ready for use.
type Wakeups struct {
	// announced is the revision up to which all waiters have been woken.
	announced atomic.Int64
	mu        struct {
		sync.Mutex
		waiting map[Scope]*Wakeup
	}
}

// Announced returns a revision up to which all waiters have been woken. If a Wakeup was taken
// before the call, and is not done after it, nothing in its scope changed up to that
// revision.
func (all *Wakeups) Announced() int64 { return all.announced.Load() }

// Take returns the current Wakeup of a scope. All waiters for the scope share it.
func (all *Wakeups) Take(scope Scope) *Wakeup {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.mu.waiting == nil {
		all.mu.waiting = map[Scope]*Wakeup{}
	}
	w, ok := all.mu.waiting[scope]
	if !ok {
		w = &Wakeup{done: make(chan struct{})}
		all.mu.waiting[scope] = w
	}
	return w
}

// Wake wakes the scopes that a revision has changed. The revision must have been published.
func (all *Wakeups) Wake(revision int64, scopes map[Scope]struct{}) {
	all.mu.Lock()
	for scope := range scopes {
		if w, ok := all.mu.waiting[scope]; ok {
			w.by = revision
			close(w.done)
			delete(all.mu.waiting, scope)
		}
	}
	all.mu.Unlock()
	all.announced.Store(revision)
}

// WakeAll wakes all scopes. Which of them changed up to the revision is not known.
func (all *Wakeups) WakeAll(revision int64) {
	all.mu.Lock()
	for scope, w := range all.mu.waiting {
		close(w.done)
		delete(all.mu.waiting, scope)
	}
	all.mu.Unlock()
	all.announced.Store(revision)
}
