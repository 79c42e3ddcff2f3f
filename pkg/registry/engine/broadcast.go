// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "sync"

// Scope is what a waiter waits for: changes of a resource, in one namespace or,
// with namespace "", in any. The zero Scope is woken by every new revision.
type Scope struct {
	Resource, Namespace string
}

// broadcast wakes waiters by closing a channel and replacing it. A waiter takes
// the channel before it looks at the data, so no wake-up is lost.
type broadcast struct {
	mu struct {
		sync.Mutex
		channels map[Scope]chan struct{}
	}
}

func (b *broadcast) wait(scope Scope) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.channels == nil {
		b.mu.channels = map[Scope]chan struct{}{}
	}
	ch, ok := b.mu.channels[scope]
	if !ok {
		ch = make(chan struct{})
		b.mu.channels[scope] = ch
	}
	return ch
}

func (b *broadcast) wake(scopes map[Scope]struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for scope := range scopes {
		if ch, ok := b.mu.channels[scope]; ok {
			close(ch)
			delete(b.mu.channels, scope)
		}
	}
}

func (b *broadcast) wakeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for scope, ch := range b.mu.channels {
		close(ch)
		delete(b.mu.channels, scope)
	}
}
