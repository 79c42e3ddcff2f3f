// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/musterfleet/muster/pkg/registry/freshness"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Barrier returns a view that holds everything that was committed before the call, on any
// replica. It costs one quorum read, which concurrent calls share, and the wait for the log
// to arrive.
func (e *Engine) Barrier(ctx context.Context) (*view.View, error) {
	read, err := e.quorum.Join(ctx)
	if err != nil {
		return nil, err
	}
	e.pulse.Saw(read.Revision)
	e.pulse.Heard(read.Begun)
	v, err := e.WaitFor(ctx, read.Revision)
	if err != nil {
		return nil, err
	}
	e.pulse.Confirm(read.Begun)
	return v, nil
}

// WaitFor returns a view at the revision or later. It blocks until then, or until the context
// ends. A view of a history that etcd has left does not count.
func (e *Engine) WaitFor(ctx context.Context, revision int64) (*view.View, error) {
	ask := time.NewTimer(progressAfter)
	defer ask.Stop()
	for {
		woken := e.wakeups.Take(Scope{}).Done()
		if v := e.current.Load(); v != nil && v.Revision >= revision && e.lineage.broken.Load() == nil {
			return v, nil
		}
		select {
		case <-woken:
		case <-ask.C:
			// The revision may have written nothing of ours. The log says so only when asked.
			if err := e.log.RequestProgress(ctx); err != nil && ctx.Err() == nil {
				return nil, fmt.Errorf("wait for revision %d: %w", revision, err)
			}
			ask.Reset(progressEvery)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for revision %d: %w", revision, context.Cause(ctx))
		}
	}
}

// beat runs one pulse.
func (e *Engine) beat(ctx context.Context) error {
	begun := time.Now()
	reading, cancel := context.WithTimeoutCause(ctx, freshness.Timeout, fmt.Errorf("no answer within %s", freshness.Timeout))
	defer cancel()
	stop := e.askMember(reading)
	revision, err := e.quorum.Direct(reading)
	stop()
	if err != nil {
		if cause := context.Cause(reading); cause != nil {
			err = cause
		}
		return err
	}
	observe(e.options.Observers.Pulse, begun)
	e.pulse.Saw(revision)
	e.pulse.Heard(begun)
	e.settle()
	// Do not wait for long. If the view is slower, later pulses settle this answer and those
	// after it.
	waiting, cancel := context.WithDeadlineCause(ctx, begun.Add(freshness.Timeout), freshness.ErrBehind)
	defer cancel()
	if _, err := e.WaitFor(waiting, revision); err != nil {
		e.pulse.Owe(begun, revision)
		e.settle()
		return err
	}
	e.pulse.Confirm(begun)
	return nil
}

// memberAfter is how long a pulse waits for its quorum read before it also asks a member for
// an answer of its own.
const memberAfter = 500 * time.Millisecond

// askMember finds out why a quorum read takes long: a member that has lost its leader answers
// for itself, and behind a partition none does. stop ends it.
func (e *Engine) askMember(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	asking := time.AfterFunc(memberAfter, func() {
		if e.log.Ping(ctx) == nil {
			e.pulse.Replied()
		}
	})
	return func() {
		asking.Stop()
		cancel()
	}
}

// settle confirms the answers whose revision the view has reached after their pulses ended.
func (e *Engine) settle() {
	if v := e.current.Load(); v != nil && e.lineage.broken.Load() == nil {
		e.pulse.Reached(v.Revision)
	}
}
