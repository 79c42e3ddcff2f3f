// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"sync"
	"time"
)

const (
	// restFactor is how many times as long as it has worked heavy work rests.
	restFactor = 2
	// longestRest bounds a rest, also after work that has waited for something else.
	longestRest = 500 * time.Millisecond
	// stretch is how long heavy work goes on before it looks whether it should rest.
	stretch = 500 * time.Microsecond
	// lingers is for how long a small request counts after its answer, because clients
	// often read what they have just edited.
	lingers = 2 * time.Millisecond
	// lookAgain is how often heavy work that rests looks whether it may go on.
	lookAgain = time.Millisecond
)

// pace lets heavy work rest while a small request of another user is under way. Where all
// processors have work, Go looks for what the network brings every 10 ms only, and a small
// request waits for the network a dozen times. A rest takes no longer than restFactor times
// the work before it. A nil pace never rests. It is safe for concurrent use.
type pace struct {
	// turns is how many heavy turns there are.
	turns time.Duration

	mu sync.Mutex
	// small counts the small requests that are under way, by user, and all is their sum.
	small map[string]int
	all   int
	// last is the user whose small request has ended last, and ended when.
	last  string
	ended time.Time
	// due is when the work so far has been rested from.
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

// worked adds a rest for work that took so long.
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

// left is how long a user's heavy work has yet to rest.
func (p *pace) left(user string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.all == p.small[user] && (p.last == user || now.Sub(p.ended) > lingers) {
		return 0
	}
	return p.due.Sub(now)
}

// rest returns when a user's heavy work may go on.
func (p *pace) rest(ctx context.Context, user string) error {
	if p == nil {
		return nil
	}
	var timer *time.Timer
	for {
		left := p.left(user)
		if left <= 0 {
			return nil
		}
		if timer == nil {
			timer = time.NewTimer(min(left, lookAgain))
			defer timer.Stop()
		} else {
			timer.Reset(min(left, lookAgain))
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
