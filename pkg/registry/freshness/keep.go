// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"context"
	"sync"
	"time"
)

// Keep renews the pulse by calling beat, until the context ends and all calls have returned.
// A pulse begins when the one before it is pulseEvery old, whether that has ended or not. So
// in a busy process the age of the last answer is the time of one pulse, not of two. Barriers
// of requests count as well.
func (p *Pulse) Keep(ctx context.Context, beat func(context.Context) error) {
	type outcome struct {
		begun time.Time
		err   error
	}
	outcomes := make(chan outcome, pulsesUnderWay)
	underWay, begun, ended, again := 0, time.Time{}, time.Time{}, time.Time{}
	for ctx.Err() == nil {
		due := begun.Add(pulseEvery)
		if again.After(begun) && again.Before(due) {
			due = again
		}
		wait := time.Until(due)
		if age, ever := p.Age(); ever {
			wait = max(wait, pulseEvery-age)
		}
		if wait <= 0 && underWay < pulsesUnderWay {
			begun = time.Now()
			underWay++
			go func(begun time.Time) { outcomes <- outcome{begun, beat(ctx)} }(begun)
			continue
		}
		if wait <= 0 {
			wait = pulsePause // the bound is reached
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case o := <-outcomes:
			underWay--
			if o.begun.Before(ended) {
				break // the outcome of a younger pulse is already known
			}
			if ended = o.begun; o.err != nil {
				p.failure.Store(&o.err)
				again = time.Now().Add(pulsePause)
			} else {
				p.failure.Store(nil)
			}
		}
		timer.Stop()
	}
	for ; underWay > 0; underWay-- {
		<-outcomes
	}
}

// answers are etcd's answers to pulses whose wait for the view has timed out. Such an answer
// becomes a met barrier as soon as the view reaches its revision, however late, because it
// shows that the view holds everything committed before the question.
type answers struct {
	sync.Mutex
	open []openAnswer
}

type openAnswer struct {
	begun    time.Time
	revision int64
}

// keptAnswers bounds the answers that are kept: one for each second of BehindAfter.
const keptAnswers = int(BehindAfter / pulseEvery)

// keep adds an answer, and drops the oldest one if there are too many.
func (a *answers) keep(begun time.Time, revision int64) {
	a.Lock()
	defer a.Unlock()
	if a.open = append(a.open, openAnswer{begun, revision}); len(a.open) > keptAnswers {
		a.open = a.open[1:]
	}
}

// reached removes the answers that a view at the revision has reached. It returns when the
// youngest of these was asked for, and false if it removed none.
func (a *answers) reached(revision int64) (begun time.Time, any bool) {
	a.Lock()
	defer a.Unlock()
	left := a.open[:0]
	for _, o := range a.open {
		switch {
		case o.revision > revision:
			left = append(left, o)
		case !any || o.begun.After(begun):
			begun, any = o.begun, true
		}
	}
	a.open = left
	return begun, any
}

// Owe keeps an answer of etcd that the view has not reached yet. Reached confirms it.
func (p *Pulse) Owe(begun time.Time, revision int64) { p.answers.keep(begun, revision) }

// Reached confirms the answers that a view at the revision has reached.
func (p *Pulse) Reached(revision int64) {
	if begun, any := p.answers.reached(revision); any {
		p.Confirm(begun)
	}
}
