// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// keep renews the pulse until the context ends. A pulse begins when the one before it is
// pulseEvery old, whether that has ended or not: where each step of a pulse takes long
// because the process is busy, the age of the last answer is the time of one pulse, and
// not of two. Barriers that others asked for count as well.
func (p *pulse) keep(ctx context.Context, beat func(context.Context) error) {
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
		if age, ever := p.age(); ever {
			wait = max(wait, pulseEvery-age)
		}
		if wait <= 0 && underWay < pulsesUnderWay {
			begun = time.Now()
			underWay++
			go func(begun time.Time) { outcomes <- outcome{begun, beat(ctx)} }(begun)
			continue
		}
		if wait <= 0 {
			wait = pulsePause // as many as may be are under way
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case o := <-outcomes:
			underWay--
			if o.begun.Before(ended) {
				break // a younger one has said how things are
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

// answers are what etcd answered to pulses whose wait for the view has ended too early.
// Such an answer becomes a met barrier as soon as the view reaches it, however late: it
// vouches for the view at the time of asking.
type answers struct {
	sync.Mutex
	open []openAnswer
}

type openAnswer struct {
	begun    time.Time
	revision int64
}

// keptAnswers bounds the answers that are kept: one for each second of the patience.
const keptAnswers = int(behindAfter / pulseEvery)

// keep adds an answer, and drops the oldest where there are too many.
func (a *answers) keep(begun time.Time, revision int64) {
	a.Lock()
	defer a.Unlock()
	if a.open = append(a.open, openAnswer{begun, revision}); len(a.open) > keptAnswers {
		a.open = a.open[1:]
	}
}

// reached takes out the answers that a view at the revision holds, and returns when the
// youngest of them was asked for.
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

// beat is one pulse.
func (e *Engine) beat(ctx context.Context) error {
	begun := time.Now()
	reading, cancel := context.WithTimeoutCause(ctx, pulseTimeout, fmt.Errorf("no answer within %s", pulseTimeout))
	defer cancel()
	revision, err := e.quorum.read(reading)
	if err != nil {
		if cause := context.Cause(reading); cause != nil {
			err = cause
		}
		return err
	}
	observe(e.options.Observers.Pulse, begun)
	e.pulse.saw(revision)
	e.pulse.heard(begun)
	e.settle()
	// Not for long: where the view is slower, this answer and those after it are settled
	// by later pulses.
	waiting, cancel := context.WithDeadlineCause(ctx, begun.Add(pulseTimeout), errBehind)
	defer cancel()
	if _, err := e.WaitFor(waiting, revision); err != nil {
		e.pulse.answers.keep(begun, revision)
		e.settle()
		return err
	}
	e.pulse.confirm(begun)
	return nil
}

// settle confirms the answers that the view has reached since their pulses ended.
func (e *Engine) settle() {
	v := e.current.Load()
	if v == nil || e.lineage.broken.Load() != nil {
		return
	}
	if begun, any := e.pulse.answers.reached(v.Revision); any {
		e.pulse.confirm(begun)
	}
}
