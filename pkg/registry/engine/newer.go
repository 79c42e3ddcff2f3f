// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// A replica that meets a record of an unknown format cannot know the facts. It closes itself:
// at once and until it is restarted, it is not ready, reads no further, and plans no write.
// Other replicas that know the format continue.

// close closes the replica, and blocks until the context ends.
func (e *Engine) close(ctx context.Context) {
	e.pulse.SetStuck(true)
	e.pulse.Revoke()
	<-ctx.Done()
}

// newer returns the reason why the replica has closed itself, nil if it has not.
func (e *Engine) newer() *record.NewerError {
	var newer *record.NewerError
	if stalled := e.stalled.Load(); stalled != nil {
		errors.As(*stalled, &newer)
	}
	return newer
}

// passNewerHistory loads the current revision at a start, if all formats there are known. The
// records of a newer version may be gone, because an operator went back to this version. It
// returns the error with which the following of the log ends.
func (e *Engine) passNewerHistory(ctx context.Context, met error) error {
	if e.current.Load() != nil {
		return met
	}
	present, err := e.present(ctx)
	if err == nil {
		err = e.load(ctx, present, 0)
	}
	if err != nil {
		return met
	}
	return fmt.Errorf("the log is not replayed from that far back: %s", met.Error())
}
