// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"sync"
	"time"
)

const (
	// free is the number of turns that a key has without a delay.
	free = 16
	// first is the shortest delay between two turns.
	first = 50 * time.Millisecond
	// rest is the least time without a turn after which a key has no delay any more.
	rest = time.Second
)

// pace decides when a key may have its next turn.
type pace[K comparable] struct {
	slowest time.Duration
	mu      struct {
		sync.Mutex
		turns map[K]turns
		// tidy is the length of turns at which rested keys are dropped.
		tidy int
	}
}

// turns counts those that a key had without a rest.
type turns struct {
	last  time.Time
	delay time.Duration // until the next one
	count int
}

func newPace[K comparable](slowest time.Duration) *pace[K] {
	p := &pace[K]{slowest: slowest}
	p.mu.turns = map[K]turns{}
	p.mu.tidy = 1024
	return p
}

// take takes a turn of a key and returns 0, or returns how long the key has to wait.
func (p *pace[K]) take(key K, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.mu.turns[key]
	if t.rested(now) {
		t = turns{}
	}
	if wait := t.last.Add(t.delay).Sub(now); wait > 0 {
		return wait
	}
	t.last = now
	if t.count++; t.count >= free {
		t.delay = min(max(2*t.delay, first), p.slowest)
	}
	p.mu.turns[key] = t
	if len(p.mu.turns) >= p.mu.tidy {
		for key, t := range p.mu.turns {
			if t.rested(now) {
				delete(p.mu.turns, key)
			}
		}
		p.mu.tidy = max(1024, 2*len(p.mu.turns))
	}
	return 0
}

func (t turns) rested(now time.Time) bool { return now.Sub(t.last) > max(rest, 2*t.delay) }
