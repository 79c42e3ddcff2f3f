// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"sync"
	"time"
)

const (
	// restFactor is the ratio of a rest to the work before it.
	restFactor = 2
	// longestRest bounds a rest, even after work that waited for something else.
	longestRest = 500 * time.Millisecond
	// stretch is how long heavy work continues before it checks whether to rest.
	stretch = 500 * time.Microsecond
	// lingers is how long a small request counts after its answer, because clients often
	// read what they have just edited.
	lingers = 2 * time.Millisecond
	// lookAgain is how often resting heavy work checks whether it may continue.
	lookAgain = time.Millisecond
)

// pace makes heavy work rest while a small request of another user is in progress. If all
// processors are busy, Go polls the network only every 10 ms, and a small request waits for
// the network a dozen times. A rest takes at most restFactor times the work before it. A
// nil pace never rests. A pace is safe for concurrent use.
type pace struct {
	// turns is the number of heavy turns.
	turns time.Duration

	mu sync.Mutex
	// small counts the small requests in progress, by user, and all is their sum.
	small map[string]int
	all   int
	// last is the user whose small request ended last, and ended is when.
	last  string
	ended time.Time
	// due is when the rest for all work so far ends.
	due time.Time
}

func newPace(turns int64) *pace {
	return &pace{turns: time.Duration(turns), small: map[string]int{}}
}

// begin counts a small request of a user until end.
func (p *pace) begin(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.small[user]++
	p.all++
}

func (p *pace) end(user string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all--
	if p.small[user]--; p.small[user] == 0 {
		delete(p.small, user)
	}
	p.last, p.ended = user, time.Now()
}

// worked adds a rest for work that took d.
func (p *pace) worked(d time.Duration) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.due.Before(now) {
		p.due = now
	}
	p.due = p.due.Add(restFactor * min(d, longestRest) / p.turns)
	if latest := now.Add(longestRest); p.due.After(latest) {
		p.due = latest
	}
}

// left returns how long a user's heavy work still has to rest.
func (p *pace) left(user string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.all == p.small[user] && (p.last == user || now.Sub(p.ended) > lingers) {
		return 0
	}
	return p.due.Sub(now)
}

// rest waits until a user's heavy work may continue.
func (p *pace) rest(ctx context.Context, user string) error {
	if p == nil {
		return nil
	}
	for {
		left := p.left(user)
		if left <= 0 {
			return nil
		}
		select {
		case <-time.After(min(left, lookAgain)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
