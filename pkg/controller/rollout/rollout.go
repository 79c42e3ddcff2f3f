// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Source is the part of the engine that roll-outs need.
type Source interface {
	follow.Source
	// Rollouts names the Bundles that may need a step.
	Rollouts() []record.Name
	// Rollout returns the current state of one of them; false if it needs no step any more.
	Rollout(name record.Name) (rollout.Input, bool, error)
	// RolloutGuard returns the revision of the record that is written when a Cluster becomes
	// a target of the Bundle, or is no longer one.
	RolloutGuard(name record.Name) int64
}

// Log is where records are committed.
type Log interface {
	Commit(ctx context.Context, txn etcd.Txn) (revision int64, ok bool, err error)
}

const (
	// pause is the least time before the next step of a Bundle after one that did nothing, so
	// that reports that come together are read together.
	pause = 50 * time.Millisecond
	// share times the duration of a step is the least time before the next one.
	share = 9
	// patience is the number of conflicts in succession after which a step waits longer each
	// time, up to lastPause.
	patience  = 8
	lastPause = 500 * time.Millisecond
	// parallel is the number of Bundles that are stepped at a time.
	parallel = 4
	// firstDelay and lastDelay are the delays after a step that failed.
	firstDelay = 100 * time.Millisecond
	lastDelay  = 10 * time.Second
	// again is the time after which all Bundles are due without a change.
	again = time.Minute
)

// Rollout is the controller.
type Rollout struct {
	source Source
	log    Log
	// bundles holds those that may need a step.
	bundles map[record.Name]*progress
	changes *follow.Loop
}

// progress is the controller's memory of one Bundle. Losing it costs a pass.
type progress struct {
	due bool
	// notBefore is the earliest time of the next step. revision is the one that the last
	// step committed; the engine must have seen it before the next step.
	notBefore time.Time
	revision  int64
	// guard is the roll-out's guard when the last step began.
	guard int64
	// batch is the number of records in a transaction: fewer after a conflict.
	batch int
	delay time.Duration
	// conflicts is the number of conflicts in succession.
	conflicts int
}

// New returns the controller over a running engine and its log.
func New(source Source, log Log) *Rollout {
	r := &Rollout{source: source, log: log, bundles: map[record.Name]*progress{}}
	r.changes = r.following()
	return r
}

// Run advances all roll-outs until the context ends.
func (r *Rollout) Run(ctx context.Context) error {
	r.changes.Restart()
	return r.changes.Run(ctx)
}

// round takes one step of every Bundle that is due, and returns when the next step can be
// taken; the zero time if only a change can make one due.
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
		// A Bundle that waits for a revision is woken by it.
		if p.due && p.revision <= v.Revision && (next.IsZero() || p.notBefore.Before(next)) {
			next = p.notBefore
		}
	}
	return next
}

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
		klog.ErrorS(err, "A roll-out does not advance", "bundle", name, "retryAfter", p.delay)
		return
	case did == conflicted:
		// The engine will see what changed soon.
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

// afterConflicts returns the pause after some conflicts in succession, for a step that took so
// long. The pause is short at first: the next step is likely to succeed.
func afterConflicts(conflicts int, took time.Duration) time.Duration {
	wait := max(took, time.Millisecond)
	for range conflicts - patience {
		wait = min(2*wait, max(lastPause, took))
	}
	return wait
}
