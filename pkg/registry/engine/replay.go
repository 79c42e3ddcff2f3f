// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A start replays revisions so that clients of other replicas, and of this one before the
// restart, resume where they are. How long that takes depends on the revisions: a heartbeat
// takes tens of microseconds, a Bundle for 10,000 Clusters a second. It is more important to
// be ready soon than to have history, so a replay that takes too long is cut short.

// replayWithin is how long a start may replay before it loads again, from a later revision.
const replayWithin = 10 * time.Second

// errReplay ends a replay that takes too long.
var errReplay = errors.New("the replay takes too long")

// replaying is used by the engine's goroutine alone, except phase, which the timer also
// changes.
type replaying struct {
	// behind is how many revisions before the current one the next load starts.
	behind int64
	within time.Duration
	phase  atomic.Int32
}

// The phases of following the log. Only a bound replay can be cut, and never after the log is
// followed.
const (
	unbound int32 = iota
	bound
	followed
	cut
)

// bind ends the following of the log when a start has replayed for too long. The next load is
// then half as far behind as what was replayed in that time. The caller must call stop when
// the watch ends.
func (r *replaying) bind(e *Engine, end context.CancelCauseFunc) (stop func()) {
	if r.behind <= 1 || e.current.Load() != nil {
		r.phase.Store(unbound) // it must be done, however long it takes
		return func() {}
	}
	from := e.state.Revision()
	r.phase.Store(bound)
	timer := time.AfterFunc(r.within, func() {
		if r.phase.CompareAndSwap(bound, cut) {
			end(fmt.Errorf("%w: %d of %d revisions in %s", errReplay, e.progress.reached.Load()-from, e.progress.target.Load()-from, r.within))
		}
	})
	return func() {
		timer.Stop()
		if r.phase.Swap(unbound) != cut {
			return
		}
		done := e.progress.reached.Load() - from
		if done == 0 {
			done = r.behind // nothing has arrived at all: etcd itself may be slow
		}
		r.behind = max(1, min(done, r.behind)/2)
	}
}

// follow notes that the state has caught up. It reports false if that was too late.
func (r *replaying) follow() bool {
	return r.phase.CompareAndSwap(bound, followed) || r.phase.Load() != cut
}
