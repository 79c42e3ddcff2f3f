// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scene

import "sync"

// Table holds what all agents saw last.
type Table struct {
	mu struct {
		sync.Mutex
		seen [Clusters]Look
	}
}

// Set records what an agent sees, and returns what it saw before.
func (t *Table) Set(number int, seen Look) (before Look) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, t.mu.seen[number] = t.mu.seen[number], seen
	return before
}

// Count returns the number of agents for which ok is true.
func (t *Table) Count(ok func(number int, seen Look) bool) (n int) {
	t.mu.Lock()
	all := t.mu.seen
	t.mu.Unlock()
	for number, seen := range all {
		if ok(number, seen) {
			n++
		}
	}
	return n
}
