// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A start replays revisions so that clients of other replicas, and of this one before,
// resume where they are. How long that takes depends on what they did: a heartbeat takes
// tens of microseconds, a Bundle for 10,000 Clusters a second. Ready soon comes before
// history: what would take too long is cut short.

// replayWithin is how long a start may replay before it loads again, nearer.
const replayWithin = 10 * time.Second

// errReplay ends a replay that takes too long.
var errReplay = errors.New("the replay takes too long")

// replaying is used by the engine's goroutine alone.
type replaying struct {
	// behind is how many revisions before the present the next load is.
	behind int64
	within time.Duration
}

// bound ends the following of the log when a start has replayed for too long, and makes
// the next load half as far behind as what was replayed in that time. What it returns
// ends the watch over it.
func (r *replaying) bound(e *Engine, end context.CancelCauseFunc) (stop func()) {
	if r.behind <= 1 || e.current.Load() != nil {
		return func() {} // it has to be done, however long it takes
	}
	from := e.state.revision
	timer := time.AfterFunc(r.within, func() {
		if e.following.Load() {
			return
		}
		end(fmt.Errorf("%w: %d of %d revisions in %s", errReplay, e.progress.reached.Load()-from, e.progress.target.Load()-from, r.within))
	})
	return func() {
		if !timer.Stop() && !e.following.Load() {
			r.behind = max(1, min(e.progress.reached.Load()-from, r.behind)/2)
		}
	}
}
