// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scene

import "sync"

// Table holds what all agents saw last.
type Table struct {
	mu struct {
		sync.Mutex
		told [Clusters]Told
	}
}

// Set records what an agent sees, and returns what it saw before.
func (t *Table) Set(number int, told Told) (before Told) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, t.mu.told[number] = t.mu.told[number], told
	return before
}

// Count returns the number of agents for which ok is true.
func (t *Table) Count(ok func(number int, told Told) bool) (n int) {
	t.mu.Lock()
	all := t.mu.told
	t.mu.Unlock()
	for number, told := range all {
		if ok(number, told) {
			n++
		}
	}
	return n
}
