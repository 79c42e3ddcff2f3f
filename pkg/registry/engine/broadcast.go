// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"sync"
	"sync/atomic"
)

// Scope is what a waiter waits for: changes of a resource, in one namespace or,
// with namespace "", in any. The zero Scope is woken by every new revision.
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

// Done is closed when something in the scope has changed, or the state was loaded.
func (w *Wakeup) Done() <-chan struct{} { return w.done }

// Before is, once it is done, a revision up to which nothing in the scope has changed
// since the view that its owner looked at after taking it; 0 if there is none. So a
// watch to which little happens does not stay behind with its cursor.
func (w *Wakeup) Before() int64 { return w.by - 1 }

// broadcast wakes waiters by closing a channel and replacing it. A waiter takes
// the channel before it looks at the data, so no wake-up is lost.
type broadcast struct {
	// announced is the revision up to which all that wait have been woken.
	announced atomic.Int64
	mu        struct {
		sync.Mutex
		waiting map[Scope]*Wakeup
	}
}

func (b *broadcast) take(scope Scope) *Wakeup {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.waiting == nil {
		b.mu.waiting = map[Scope]*Wakeup{}
	}
	w, ok := b.mu.waiting[scope]
	if !ok {
		w = &Wakeup{done: make(chan struct{})}
		b.mu.waiting[scope] = w
	}
	return w
}

func (b *broadcast) wait(scope Scope) <-chan struct{} { return b.take(scope).done }

// wake wakes those whose scopes a revision has changed. It has been published.
func (b *broadcast) wake(revision int64, scopes map[Scope]struct{}) {
	b.mu.Lock()
	for scope := range scopes {
		if w, ok := b.mu.waiting[scope]; ok {
			w.by = revision
			close(w.done)
			delete(b.mu.waiting, scope)
		}
	}
	b.mu.Unlock()
	b.announced.Store(revision)
}

// wakeAll wakes everybody: what has changed up to the revision is not known.
func (b *broadcast) wakeAll(revision int64) {
	b.mu.Lock()
	for scope, w := range b.mu.waiting {
		close(w.done)
		delete(b.mu.waiting, scope)
	}
	b.mu.Unlock()
	b.announced.Store(revision)
}
