// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/freshness"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// ErrNotReady means that no view can be relied on, either not yet or no longer.
var ErrNotReady = errors.New("not ready")

// Options configure an engine.
type Options struct {
	// History bounds the changes that views remember, and so how far back a client may
	// resume.
	History view.Limits
	// LoadBehind is how many revisions before the current one a start loads, to replay them, so
	// that history exists at once. It is at least one. Fewer are replayed if etcd no longer has
	// them, or if the replay would take too long (replayWithin).
	LoadBehind int64
	// AuditEvery is the interval at which the state is compared with the records. 0 means
	// never.
	AuditEvery time.Duration
	// Known is the mark that replicas keep of etcd beyond a process. With it, a restored etcd
	// is not served until Open is called; nil serves any etcd that does not go back in time.
	Known *Mark
	// HowToOpen returns the command with which an operator opens a closed replica.
	HowToOpen func(cluster uint64) string
	// Observers receive what the engine measures.
	Observers Observers
}

// DefaultOptions returns options that keep history for ten minutes, or in a busy fleet as
// much as fits into 256 MiB. At 1,000 revisions a second that is longer than the time between
// two bookmarks, so a client that only receives bookmarks can resume. A start replays as many
// revisions.
func DefaultOptions() Options {
	return Options{
		History:    view.Limits{Revisions: 100_000, Changes: 500_000, Bytes: 256 << 20, Window: 10 * time.Minute},
		LoadBehind: 100_000,
		AuditEvery: 10 * time.Minute,
	}
}

// Engine derives views from the log.
type Engine struct {
	log     *etcd.Log
	options Options

	// state is written only by the goroutine of Run, under the lock. It is nil before the first
	// load.
	state struct {
		sync.RWMutex
		*state.State
	}
	planner *state.Planner
	current atomic.Pointer[view.View]
	// following reports whether the state has caught up since the log was last lost, so that
	// it may be published.
	following atomic.Bool
	// stalled is the reason why the log was last lost, until it is followed again.
	stalled atomic.Pointer[error]
	// progress is that of a start: the revision that was reached, and the one to reach.
	progress struct{ reached, target atomic.Int64 }
	replay   replaying
	pulse    *freshness.Pulse
	lineage  lineage
	wakeups  freshness.Wakeups
	quorum   *freshness.Quorum
	totals   totals
}

// New returns an engine over a log. It does nothing until Run is called.
func New(log *etcd.Log, options Options) *Engine {
	e := &Engine{log: log, options: options, replay: replaying{behind: max(options.LoadBehind, 1), within: replayWithin}, pulse: freshness.New()}
	e.planner = state.NewPlanner(e.askToPlan)
	e.quorum = freshness.NewQuorum(e.position)
	if options.Known != nil {
		e.expect(*options.Known)
	}
	return e
}

// Current returns the current view. It fails with ErrNotReady before the first one is complete.
func (e *Engine) Current() (*view.View, error) {
	if v := e.current.Load(); v != nil {
		return v, nil
	}
	return nil, ErrNotReady
}

// Scope names what a caller waits for, and Wakeup is one such wait.
type (
	Scope  = freshness.Scope
	Wakeup = freshness.Wakeup
)

// Wait returns a channel that is closed when something in the scope changes. The caller must
// take it before it looks at the view.
func (e *Engine) Wait(scope Scope) <-chan struct{} { return e.wakeups.Take(scope).Done() }

// Wakeup returns the wait for a scope, which says more than the channel of Wait.
func (e *Engine) Wakeup(scope Scope) *Wakeup { return e.wakeups.Take(scope) }

// Announced returns a revision up to which all waiters have been woken; see
// freshness.Wakeups.Announced.
func (e *Engine) Announced() int64 { return e.wakeups.Announced() }

// Retry intervals of Run and WaitFor.
const (
	restartDelay       = 200 * time.Millisecond
	undecryptableDelay = time.Second // each try may read all records
	progressAfter      = 2 * time.Millisecond
	progressEvery      = 50 * time.Millisecond
)

// Run loads the log and follows it until the context ends. If the connection breaks, it
// resumes at the same place. If the log was compacted meanwhile, or continues with another
// history, it loads the state anew.
func (e *Engine) Run(ctx context.Context) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() {
		e.pulse.Watch(ctx, func(ready bool) {
			if ctx.Err() == nil { // a stop is not a failure
				e.logReadiness(ready)
			}
		})
	})
	beside.Go(func() { e.pulse.Keep(ctx, e.beat) })
	beside.Go(func() { e.log.FollowSpace(ctx) })
	beside.Go(func() { e.keepAuditing(ctx, e.options.AuditEvery) })
	for ctx.Err() == nil {
		err := e.follow(ctx)
		e.following.Store(false)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errOpened) {
			continue
		}
		e.stalled.Store(&err)
		if errors.Is(err, record.ErrNewer) {
			klog.ErrorS(err, "The engine closes this replica: restart it as the version that wrote the record, or as a later one")
			e.close(ctx)
			break
		}
		klog.ErrorS(err, "The engine lost the log and starts again")
		delay := restartDelay
		switch {
		case errors.Is(err, ErrRewound):
			delay = rewoundDelay
		case errors.Is(err, etcd.ErrUndecryptable):
			delay = undecryptableDelay
			e.pulse.SetStuck(true)
		}
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
	return ctx.Err()
}

func (e *Engine) follow(ctx context.Context) error {
	begun := time.Now()
	broken := e.lineage.broken.Load()
	if broken != nil {
		e.leave(*broken)
	}
	target, err := e.present(ctx)
	if err != nil {
		return err
	}
	if e.mustClose() {
		return e.stayClosed(ctx, broken, target)
	}
	if e.state.State == nil {
		behind := e.replay.behind // at least one, so that the changes of the target are known
		if broken != nil {
			behind = 0 // clients have not seen the revisions before
		}
		if err := e.load(ctx, target, behind); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.lineage.stop.Store(&cancel) // first, so that a breakOff from here on ends this call
	if broken != nil {
		e.caughtUp(target, begun) // before a request may read again what was published last
	}
	if !e.lineage.broken.CompareAndSwap(broken, nil) {
		return *e.lineage.broken.Load()
	}
	if broken != nil {
		e.wakeups.WakeAll(e.wakeups.Announced()) // the controllers start again
	}
	e.caughtUp(target, begun) // if it was loaded there, no watch will say so
	// Perhaps nothing of ours was written since: ask until the watch says where it is.
	asking, stop := context.WithCancel(ctx)
	defer stop()
	go e.askUntilFollowing(asking)
	defer e.replay.bind(e, cancel)()
	err = e.watch(ctx, e.state.Revision(), func(a *arrival) {
		e.apply(a)
		e.caughtUp(target, begun)
	})
	switch {
	case errors.Is(err, etcd.ErrCompacted), errors.Is(err, errReplay):
		e.forget()
	case errors.Is(err, etcd.ErrReplaced):
		e.breakOff(err)
	case errors.Is(err, etcd.ErrUndecryptable):
		e.passUndecryptableHistory(ctx)
	case errors.Is(err, record.ErrNewer):
		err = e.passNewerHistory(ctx, err)
	}
	return err
}

// forget drops the state. What was published remains.
func (e *Engine) forget() {
	e.state.Lock()
	e.state.State = nil
	e.state.Unlock()
}

// present returns the revision to catch up with. The timeout keeps a silently dead connection
// from blocking the start for ever.
func (e *Engine) present(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, freshness.QuorumTimeout)
	defer cancel()
	revision, err := e.position(ctx)
	if err == nil {
		e.progress.target.Store(revision)
		e.pulse.Saw(revision)
	}
	return revision, err
}

// caughtUp publishes the first view that holds everything that existed at the start. That
// meets a barrier too.
func (e *Engine) caughtUp(target int64, begun time.Time) {
	if revision := e.state.Revision(); revision >= target && !e.following.Load() && e.replay.follow() {
		e.current.Store(e.state.Reach(revision))
		e.following.Store(true)
		e.stalled.Store(nil)
		e.pulse.SetStuck(false)
		e.wakeups.WakeAll(revision)
		e.pulse.Confirm(begun)
	}
}

func (e *Engine) askUntilFollowing(ctx context.Context) {
	for ctx.Err() == nil && !e.following.Load() {
		_ = e.log.RequestProgress(ctx) // asked again below
		select {
		case <-ctx.Done():
		case <-time.After(progressEvery):
		}
	}
}

func (e *Engine) apply(batch *arrival) {
	begun := time.Now()
	e.progress.reached.Store(batch.Revision)
	scopes := map[Scope]struct{}{{}: {}}
	var next *view.View
	e.state.Lock()
	if len(batch.Records) == 0 {
		next = e.state.Reach(batch.Revision)
	} else {
		e.state.Apply(batch.Batch, batch.decoded)
		e.state.Changes(func(resource string, name record.Name) {
			scopes[Scope{Resource: resource}] = struct{}{}
			scopes[Scope{Resource: resource, Namespace: name.Namespace}] = struct{}{}
		})
		next = e.state.Next()
	}
	e.state.Unlock()
	if e.following.Load() {
		e.current.Store(next)
		e.wakeups.Wake(next.Revision, scopes)
	}
	if len(batch.Records) > 0 {
		e.totals.records.Add(int64(len(batch.Records)))
		observe(e.options.Observers.Apply, begun)
	}
}
