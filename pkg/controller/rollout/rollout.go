// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Source is the engine, as far as roll-outs need it.
type Source interface {
	follow.Source
	// Rollouts names the Bundles that something may have to be done for.
	Rollouts() []record.Name
	// Rollout returns the present state of one of them; false if it is none any more.
	Rollout(name record.Name) (rollout.Input, bool, error)
	// RolloutGuard is the revision of what is written when a Cluster comes to be one of
	// its targets, or ceases to be.
	RolloutGuard(name record.Name) int64
}

// Log is where records are committed.
type Log interface {
	Commit(ctx context.Context, txn etcd.Txn) (revision int64, ok bool, err error)
}

var (
	_ Source = (*engine.Engine)(nil)
	_ Log    = (*etcd.Log)(nil)
)

const (
	// pause is the least time between two steps of a Bundle that has nothing in
	// hand, so that reports that come together are looked at together.
	pause = 50 * time.Millisecond
	// share is how much longer than a step took, the next one waits at least.
	share = 9
	// patience is after how many conflicts in succession a step waits longer each time, up
	// to lastPause.
	patience  = 8
	lastPause = 500 * time.Millisecond
	// parallel is how many Bundles are stepped at once.
	parallel = 4
	// The delays after a step that failed.
	firstDelay = 100 * time.Millisecond
	lastDelay  = 10 * time.Second
	// again is how often all Bundles are looked at although nothing is known to have
	// changed.
	again = time.Minute
)

// Rollout is the controller.
type Rollout struct {
	source Source
	log    Log
	// bundles are those that something may have to be done for.
	bundles map[record.Name]*progress
	changes *follow.Loop
}

// progress is what the controller remembers of one Bundle; to forget it costs a
// pass.
type progress struct {
	due bool
	// notBefore is when the next step may be taken, and at which revision at least:
	// that of the last one.
	notBefore time.Time
	revision  int64
	// guard is the roll-out's guard as the last step found it, or an older one.
	guard int64
	// batch is how many records one transaction writes: fewer after a conflict.
	batch int
	delay time.Duration
	// conflicts is how often in succession it was overtaken.
	conflicts int
}

// New returns the controller over a running engine and its log.
func New(source Source, log Log) *Rollout {
	r := &Rollout{source: source, log: log, bundles: map[record.Name]*progress{}}
	r.changes = r.following()
	return r
}

// Run carries all roll-outs on until the context ends.
func (r *Rollout) Run(ctx context.Context) error {
	r.changes.Restart()
	return r.changes.Run(ctx)
}

// round takes one step of every Bundle that is due, and returns when the next one
// can be; zero if only a change can make one due.
func (r *Rollout) round(ctx context.Context, v *view.View) (next time.Time) {
	now := time.Now()
	var group errgroup.Group
	group.SetLimit(parallel)
	for name, p := range r.bundles {
		if p.due && p.revision <= v.Revision && !now.Before(p.notBefore) {
			group.Go(func() error {
				r.take(ctx, name, p)
				return nil
			})
		}
	}
	_ = group.Wait()
	for _, p := range r.bundles {
		// One that waits for a revision is woken by that.
		if p.due && p.revision <= v.Revision && (next.IsZero() || p.notBefore.Before(next)) {
			next = p.notBefore
		}
	}
	return next
}

// take takes one step and says when the next one is due.
func (r *Rollout) take(ctx context.Context, name record.Name, p *progress) {
	begun := time.Now()
	p.due, p.guard = false, r.source.RolloutGuard(name)
	did, err := r.step(ctx, name, p)
	took := time.Since(begun)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.due = true
		p.delay = min(max(2*p.delay, firstDelay), lastDelay)
		p.batch = max(p.batch/2, 1) // it may have been too large
		p.notBefore = time.Now().Add(p.delay)
		klog.ErrorS(err, "A roll-out does not go on", "bundle", name, "retryAfter", p.delay)
		return
	case did == conflicted:
		// What changed is on its way.
		p.due = true
		p.batch = max(p.batch/2, 1)
		p.conflicts++
		p.notBefore = time.Now().Add(afterConflicts(p.conflicts, took))
		p.delay = 0
		return
	case did == committed:
		p.due = true
		p.batch = min(2*p.batch, maxBatch)
		p.notBefore = time.Now()
	default:
		p.notBefore = time.Now().Add(max(pause, share*took))
	}
	p.delay, p.conflicts = 0, 0
}

// afterConflicts is how long a step that took so long waits after it was overtaken several
// times in succession. The first times it is likely that the next one is not.
func afterConflicts(conflicts int, took time.Duration) time.Duration {
	wait := max(took, time.Millisecond)
	for range conflicts - patience {
		wait = min(2*wait, max(lastPause, took))
	}
	return wait
}
