// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scene

import "sync"

// Table holds what all agents were told last.
type Table struct {
	mu struct {
		sync.Mutex
		told [Clusters]Told
	}
}

// Set notes what an agent is told, and returns what it was told before.
func (t *Table) Set(number int, told Told) (before Told) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, t.mu.told[number] = t.mu.told[number], told
	return before
}

// Count counts the agents for which ok is true.
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
