// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// A replica that meets a record of a format that it does not know cannot know what there
// is. It closes itself: it is not ready, at once and until it is restarted, and neither
// reads on nor plans a write. Other replicas, which know the format, go on.

// close waits for the end of a replica that cannot go on.
func (e *Engine) close(ctx context.Context) {
	e.pulse.SetStuck(true)
	e.pulse.Revoke()
	<-ctx.Done()
}

// newer is why the replica has closed itself, nil if it has not.
func (e *Engine) newer() *record.NewerError {
	stalled := e.stalled.Load()
	var newer *record.NewerError
	if stalled == nil || !errors.As(*stalled, &newer) {
		return nil
	}
	return newer
}

// passNewerHistory loads a start anew at the present, if all of that is known: what a
// newer version wrote may be gone by now, because somebody went back to this one. It
// returns what the following of the log has ended with.
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
