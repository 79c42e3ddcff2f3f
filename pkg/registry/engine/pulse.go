// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// A pulse is a barrier that nobody asked for: it reads etcd's revision by quorum
// and waits for the view to reach it. When it is met, the view is known to hold
// all that was committed until the pulse began. Ready follows from two ages: that
// of the last answer covers a partition and a dead connection that nobody has
// noticed; that of the last met barrier a log that does not arrive and an engine
// that is stuck.
const (
	// lostAfter is how old the last answer may be.
	lostAfter = 5 * time.Second
	// behindAfter is how old the last met barrier may be. It is longer, because one
	// edit may move a hundred thousand BundleDeployments: that takes all replicas
	// seconds, at the same time, and no other would do better.
	behindAfter = 30 * time.Second
	// pulseEvery is how old it may get before a pulse renews it.
	pulseEvery = time.Second
	// pulseTimeout bounds the read of a pulse. A pulse does not wait for the one before
	// it, so a read that hangs delays none, and an election of etcd's goes unnoticed. It
	// is short enough for the first that fails to say why before the pulse is lost.
	pulseTimeout = 3 * time.Second
	// pulsePause is the wait after a pulse that failed.
	pulsePause = 250 * time.Millisecond
	// pulsesUnderWay bounds how many pulses run at once. One begins each pulseEvery and
	// ends within pulseTimeout, so a process that gets its turns never reaches it.
	pulsesUnderWay = 8
)

// errBehind is the cause when a view does not reach what a pulse saw.
var errBehind = errors.New("the view does not follow")

// pulse knows when the last barrier was met, and tells of it. Asking costs two
// atomic loads and the clock.
type pulse struct {
	epoch time.Time
	// answered is when the youngest read began that etcd answered, met when the
	// youngest barrier began that was met; after epoch, 0 if there was none. They
	// only grow.
	answered, met atomic.Int64
	// revokedAt is until when a barrier that began does not count: one that was met
	// before may be confirmed after.
	revokedAt atomic.Int64
	// patience is behindAfter.
	patience time.Duration
	// stuck tells that the view is not busy but cannot go on: it gets no more
	// patience than a silent etcd.
	stuck atomic.Bool
	// alive is what was last told: it follows the two, by way of watch.
	alive atomic.Bool
	// seen is the newest revision that was read by quorum.
	seen atomic.Int64
	// failure is that of the youngest pulse that has ended, nil if it was met.
	failure atomic.Pointer[error]
	// answers are those that the view has not reached yet.
	answers answers
	revived chan struct{}
	// changed wakes who watches, for a look at what is left.
	changed chan struct{}
	mu      struct {
		sync.Mutex
		lost context.Context // lasts while alive
		lose context.CancelFunc
	}
}

func newPulse() *pulse {
	p := &pulse{epoch: time.Now().Add(-1), patience: behindAfter, revived: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
	p.mu.lost, p.mu.lose = context.WithCancel(context.Background())
	p.mu.lose()
	return p
}

// age is how long ago the last met barrier began; false if there was none.
func (p *pulse) age() (time.Duration, bool) { return p.since(&p.met, p.revokedAt.Load()) }

// silence is how long ago the last answer was asked for; false if there was none.
func (p *pulse) silence() (time.Duration, bool) { return p.since(&p.answered, 0) }

// since is how old a mark is, if it is after the floor.
func (p *pulse) since(mark *atomic.Int64, floor int64) (time.Duration, bool) {
	at := mark.Load()
	return time.Since(p.epoch) - time.Duration(at), at > floor
}

// left is how long the view is still vouched for.
func (p *pulse) left() time.Duration {
	age, met := p.age()
	silence, answered := p.silence()
	if !met || !answered {
		return 0
	}
	patience := p.patience
	if p.stuck.Load() {
		patience = min(patience, lostAfter)
	}
	return min(patience-age, lostAfter-silence)
}

func (p *pulse) ready() bool { return p.alive.Load() && p.left() > 0 }

// lost returns a context that ends as soon as the pulse is not ready.
func (p *pulse) lost() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.lost
}

// heard notes that etcd answered a read that began at the time given.
func (p *pulse) heard(begun time.Time) {
	if p.advance(&p.answered, begun) {
		p.revive()
	}
}

// confirm notes that a barrier was met which began at the time given.
func (p *pulse) confirm(begun time.Time) {
	answered := p.advance(&p.answered, begun)
	if p.advance(&p.met, begun) || answered {
		p.revive()
	}
}

// advance moves a mark, never back.
func (p *pulse) advance(mark *atomic.Int64, to time.Time) bool {
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

// fresh tells whether the view is as good as a replica's that just became ready: a
// start or a return is not given the patience of one that was ready.
func (p *pulse) fresh() bool {
	age, met := p.age()
	silence, answered := p.silence()
	return met && answered && max(age, silence) < min(lostAfter, p.patience)
}

// revive tells that the pulse is ready, if it is and was not.
func (p *pulse) revive() {
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

// revoke undoes what was confirmed, and what will be of barriers that have begun:
// the pulse is lost at once.
func (p *pulse) revoke() {
	p.advance(&p.revokedAt, time.Now())
	p.wake()
}

// setStuck notes whether the view can go on.
func (p *pulse) setStuck(stuck bool) {
	p.stuck.Store(stuck)
	p.wake()
}

// wake has who watches look again.
func (p *pulse) wake() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// lose tells that the pulse is not ready any more, unless it is again by now.
func (p *pulse) lose() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// In this order: whoever confirms meanwhile sees either that it has to revive,
	// or is seen here.
	p.alive.Store(false)
	if p.left() > 0 {
		p.alive.Store(true)
		return false
	}
	p.mu.lose()
	return true
}

// watch tells when the pulse is lost, until the context ends; then it is lost for
// good.
func (p *pulse) watch(ctx context.Context, tell func(ready bool)) {
	for {
		select {
		case <-p.revived:
			tell(true)
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
				tell(false)
				break
			}
		}
	}
}

// saw notes a revision that was read by quorum.
func (p *pulse) saw(revision int64) {
	for {
		seen := p.seen.Load()
		if seen >= revision || p.seen.CompareAndSwap(seen, revision) {
			return
		}
	}
}

// Ready returns nil while reads are right: the view held, a few seconds ago at
// most, all that was committed. Otherwise the error wraps ErrNotReady and says
// what is missing. It costs nothing while all is well.
func (e *Engine) Ready() error {
	if e.pulse.ready() && e.lineage.broken.Load() == nil {
		return nil
	}
	return e.unready()
}

// Reached returns nil while etcd answers: it has, to a quorum read of the last seconds.
// A replica that is warming up is not ready and reaches etcd; one that has lost etcd does
// not.
func (e *Engine) Reached() error {
	silence, answered := e.pulse.silence()
	switch {
	case !answered:
		return errors.New("etcd has not answered yet")
	case silence > lostAfter:
		return fmt.Errorf("etcd last answered %s ago", since(silence))
	}
	return nil
}

// Unready returns a context that ends as soon as Ready is not nil. Take it before
// asking Ready.
func (e *Engine) Unready() context.Context { return e.pulse.lost() }

// unready says what is missing, as an operator would put it.
func (e *Engine) unready() error {
	v := e.current.Load()
	seen, failed := e.pulse.seen.Load(), e.pulse.failure.Load()
	age, ever := e.pulse.age()
	silence, _ := e.pulse.silence()
	broken := e.lineage.broken.Load()
	reason := ""
	if stalled := e.stalled.Load(); stalled != nil && errors.Is(*stalled, etcd.ErrSealed) {
		// Which one is in the server's log: not everybody who asks may know its name.
		reason = fmt.Sprintf(": %v: see --encryption-provider-config", etcd.ErrSealed)
	}
	if newer := e.newer(); newer != nil {
		return fmt.Errorf("%w: %w (a record has %s): restart this replica as that version or a later one", ErrNotReady, record.ErrNewer, newer.What)
	}
	switch {
	case broken != nil:
		return fmt.Errorf("%w: %w", ErrNotReady, *broken)
	case failed != nil && errors.Is(*failed, errBehind) && v != nil:
		return fmt.Errorf("%w: behind: at revision %d, etcd at %d or later, last known to be up to date %s ago%s", ErrNotReady, v.Revision, seen, since(age), reason)
	case failed != nil && !errors.Is(*failed, errBehind) && ever:
		return fmt.Errorf("%w: etcd lost: last heard of %s ago, last error: %w", ErrNotReady, since(silence), *failed)
	case failed != nil && !errors.Is(*failed, errBehind):
		return fmt.Errorf("%w: etcd lost: it has not answered yet, last error: %w", ErrNotReady, *failed)
	case v == nil && e.progress.target.Load() == 0:
		return fmt.Errorf("%w: warming up: etcd has not answered yet", ErrNotReady)
	case v == nil:
		return fmt.Errorf("%w: warming up: at revision %d of %d%s", ErrNotReady, e.progress.reached.Load(), e.progress.target.Load(), reason)
	case !ever:
		return fmt.Errorf("%w: stopped", ErrNotReady)
	default:
		return fmt.Errorf("%w: last known to be up to date %s ago", ErrNotReady, since(age))
	}
}

// since is a duration without digits that say nothing.
func since(age time.Duration) time.Duration { return age.Round(100 * time.Millisecond) }

// tellReadiness logs the changes: each is one that an operator asks about later.
func (e *Engine) tellReadiness(ready bool) {
	if ready {
		klog.InfoS("Ready", "revision", e.pulse.seen.Load())
		return
	}
	klog.ErrorS(e.unready(), "Not ready any more")
}
