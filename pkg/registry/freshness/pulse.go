// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Readiness follows from three ages. The time since any member of etcd answered anything
// reveals a partition, and a dead connection that nothing has reported. The age of the last
// quorum read that was answered reveals the loss of the quorum. The age of the last met
// barrier reveals a log that does not arrive, and an engine that is stuck.
const (
	// SilentAfter is the maximum time since a member answered. It counts from the arrival of
	// the answer, so slow answers in a busy process do no harm. Members answer during an
	// election too, so it need not allow for one.
	SilentAfter = 3 * time.Second
	// LostAfter is the maximum age of the last quorum read that was answered. It allows for an
	// election, during which another replica would not answer better.
	LostAfter = 5 * time.Second
	// BehindAfter is the maximum age of the last met barrier. It is longer, because one edit
	// may change a hundred thousand BundleDeployments. That takes seconds on all replicas at
	// the same time, so another replica would not answer better.
	BehindAfter = 30 * time.Second
	// pulseEvery is the age of the last met barrier at which a pulse begins.
	pulseEvery = time.Second
	// Timeout bounds the read of a pulse. A pulse does not wait for the one before it. So a
	// read that hangs delays none, and clients do not notice an election of etcd.
	Timeout = 3 * time.Second
	// pulsePause is the wait after a pulse that failed.
	pulsePause = 250 * time.Millisecond
	// pulsesUnderWay bounds how many pulses run at once. One begins each pulseEvery and ends
	// within Timeout, so a process with enough CPU time never reaches the bound.
	pulsesUnderWay = 8
)

// ErrBehind is the cause when a view does not reach the revision that a pulse read.
var ErrBehind = errors.New("the view does not follow")

// Pulse knows when the last barrier was met, and so whether this replica is ready. A question
// costs two atomic loads and a reading of the clock.
type Pulse struct {
	epoch time.Time
	// answered is when the youngest read began that etcd answered. met is when the youngest
	// barrier began that was met. Both are durations after epoch, 0 if there was none, and
	// only grow.
	answered, met atomic.Int64
	// replied is when the last answer of any member arrived, in the same form.
	replied atomic.Int64
	// revokedAt is a time. Barriers that began before it do not count, because a barrier that
	// was met before a revocation may be confirmed after it.
	revokedAt atomic.Int64
	// lostAt is when the pulse was last lost. Only a barrier that began after it revives the
	// pulse: what was committed meanwhile is then in the view.
	lostAt atomic.Int64
	// patience is BehindAfter; tests shorten it.
	patience time.Duration
	// stuck reports that the view cannot advance, rather than being busy. It is then given no
	// more patience than a silent etcd.
	stuck atomic.Bool
	// alive is the readiness that Watch last reported.
	alive atomic.Bool
	// seen is the newest revision that was read by quorum.
	seen atomic.Int64
	// failure is the error of the youngest pulse that has ended, nil if its barrier was met.
	failure atomic.Pointer[error]
	// answers are those whose revision the view has not reached yet.
	answers answers
	revived chan struct{}
	// changed makes Watch check again how much time is left.
	changed chan struct{}
	mu      struct {
		sync.Mutex
		lost context.Context // ends when alive becomes false
		lose context.CancelFunc
	}
}

// New returns a pulse that is not ready. Keep must renew it, and Watch must run.
func New() *Pulse {
	p := &Pulse{epoch: time.Now().Add(-1), patience: BehindAfter, revived: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
	p.mu.lost, p.mu.lose = context.WithCancel(context.Background())
	p.mu.lose()
	return p
}

// Age returns how long ago the last met barrier began. It reports false if there was none.
func (p *Pulse) Age() (time.Duration, bool) { return p.since(&p.met, p.revokedAt.Load()) }

// Silence returns how long ago the last read began that etcd answered. It reports false if
// there was none.
func (p *Pulse) Silence() (time.Duration, bool) { return p.since(&p.answered, 0) }

// Alone returns how long ago the last answer of any member arrived. It reports false if there
// was none.
func (p *Pulse) Alone() (time.Duration, bool) { return p.since(&p.replied, 0) }

// since returns the age of a mark, and reports whether the mark is after the floor.
func (p *Pulse) since(mark *atomic.Int64, floor int64) (time.Duration, bool) {
	at := mark.Load()
	return time.Since(p.epoch) - time.Duration(at), at > floor
}

// left returns for how long the view may still be served.
func (p *Pulse) left() time.Duration {
	age, met := p.Age()
	silence, answered := p.Silence()
	alone, replied := p.Alone()
	if !met || !answered || !replied {
		return 0
	}
	patience := p.patience
	if p.stuck.Load() {
		patience = min(patience, LostAfter)
	}
	return min(patience-age, LostAfter-silence, SilentAfter-alone)
}

// Ready reports whether the view may be served.
func (p *Pulse) Ready() bool { return p.alive.Load() && p.left() > 0 }

// Lost returns a context that ends as soon as the pulse is not ready.
func (p *Pulse) Lost() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.lost
}

// Replied notes that a member of etcd has just answered, whether it has a leader or not.
func (p *Pulse) Replied() { p.advance(&p.replied, time.Now()) }

// Heard notes that etcd has just answered a quorum read that began at the given time.
func (p *Pulse) Heard(begun time.Time) {
	p.Replied()
	if p.advance(&p.answered, begun) {
		p.revive()
	}
}

// Confirm notes that a barrier was met that began at the given time. etcd has answered since
// then.
func (p *Pulse) Confirm(begun time.Time) {
	p.advance(&p.replied, begun)
	answered := p.advance(&p.answered, begun)
	if p.advance(&p.met, begun) || answered {
		p.revive()
	}
}

// advance moves a mark forward, and never back. It reports whether the mark moved.
func (p *Pulse) advance(mark *atomic.Int64, to time.Time) bool {
	at := int64(to.Sub(p.epoch))
	for {
		was := mark.Load()
		if was >= at {
			return false
		}
		if mark.CompareAndSwap(was, at) {
			return true
		}
	}
}

// fresh reports whether the view is recent enough for a replica to become ready. Becoming
// ready takes more than staying ready.
func (p *Pulse) fresh() bool {
	age, met := p.since(&p.met, max(p.revokedAt.Load(), p.lostAt.Load()))
	silence, answered := p.Silence()
	alone, replied := p.Alone()
	return met && answered && replied && max(age, silence) < min(LostAfter, p.patience) && alone < SilentAfter
}

// revive makes the pulse ready, if it is fresh and was not ready.
func (p *Pulse) revive() {
	if p.alive.Load() || !p.fresh() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive.Load() {
		return
	}
	p.mu.lost, p.mu.lose = context.WithCancel(context.Background())
	p.alive.Store(true)
	select {
	case p.revived <- struct{}{}:
	default:
	}
}

// Revoke makes the pulse lost at once. It undoes earlier confirmations, and later ones of
// barriers that have already begun.
func (p *Pulse) Revoke() {
	p.advance(&p.revokedAt, time.Now())
	p.wake()
}

// SetStuck notes whether the view cannot advance.
func (p *Pulse) SetStuck(stuck bool) {
	p.stuck.Store(stuck)
	p.wake()
}

// wake makes Watch check again.
func (p *Pulse) wake() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// lose makes the pulse lost. If the pulse is ready again by now, it does nothing and reports
// false.
func (p *Pulse) lose() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// The order matters: a concurrent confirmation either sees that it has to revive, or is
	// seen here.
	p.alive.Store(false)
	if p.left() > 0 {
		p.alive.Store(true)
		return false
	}
	p.advance(&p.lostAt, time.Now())
	p.mu.lose()
	return true
}

// Watch calls changed with each change of readiness, until the context ends. After that the
// pulse is lost for good. It must run exactly once.
func (p *Pulse) Watch(ctx context.Context, changed func(ready bool)) {
	for {
		select {
		case <-p.revived:
			changed(true)
		case <-ctx.Done():
			return
		}
		for {
			if left := p.left(); left > 0 {
				select {
				case <-time.After(left):
					continue
				case <-p.changed:
					continue
				case <-ctx.Done():
					p.revokedAt.Store(math.MaxInt64)
				}
			}
			if p.lose() {
				changed(false)
				break
			}
		}
	}
}

// Seen returns the newest revision that was read by quorum, 0 if there is none.
func (p *Pulse) Seen() int64 { return p.seen.Load() }

// Unsee forgets the newest revision: the next read is of another history.
func (p *Pulse) Unsee() { p.seen.Store(0) }

// Failure returns the error of the youngest pulse that has ended, nil if its barrier was met.
func (p *Pulse) Failure() error {
	if err := p.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// SetPatience sets the maximum age of the last met barrier, in place of BehindAfter. It must
// be called before Watch.
func (p *Pulse) SetPatience(patience time.Duration) { p.patience = patience }

// Saw notes a revision that was read by quorum.
func (p *Pulse) Saw(revision int64) {
	for {
		seen := p.seen.Load()
		if seen >= revision || p.seen.CompareAndSwap(seen, revision) {
			return
		}
	}
}
