// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/musterfleet/muster/pkg/registry/view"
)

// Barrier returns a view that holds everything that was committed before the
// call, on any replica. It costs one quorum read, shared with whoever asks at
// the same time, and the wait for the log to arrive.
func (e *Engine) Barrier(ctx context.Context) (*view.View, error) {
	read, err := e.quorum.join(ctx)
	if err != nil {
		return nil, err
	}
	e.pulse.saw(read.revision)
	e.pulse.heard(read.begun)
	v, err := e.WaitFor(ctx, read.revision)
	if err != nil {
		return nil, err
	}
	e.pulse.confirm(read.begun)
	return v, nil
}

// WaitFor returns a view at the revision or later. It waits until the context
// ends. A view of a history that etcd has left does not count.
func (e *Engine) WaitFor(ctx context.Context, revision int64) (*view.View, error) {
	ask := time.NewTimer(progressAfter)
	defer ask.Stop()
	for {
		woken := e.wakeups.wait(Scope{})
		if v := e.current.Load(); v != nil && v.Revision >= revision && e.lineage.broken.Load() == nil {
			return v, nil
		}
		select {
		case <-woken:
		case <-ask.C:
			// The revision may be one that wrote nothing of ours: the log says
			// so only when asked.
			if err := e.log.RequestProgress(ctx); err != nil && ctx.Err() == nil {
				return nil, fmt.Errorf("wait for revision %d: %w", revision, err)
			}
			ask.Reset(progressEvery)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for revision %d: %w", revision, context.Cause(ctx))
		}
	}
}

// quorumTimeout bounds one read of the present revision.
const quorumTimeout = 5 * time.Second

// quorum shares reads of the present revision: whoever asks while one is under
// way waits for the next, which starts after they asked.
type quorum struct {
	read func(context.Context) (int64, error)
	mu   struct {
		sync.Mutex
		next    *quorumRead
		running bool
	}
}

type quorumRead struct {
	done     chan struct{}
	begun    time.Time
	revision int64
	err      error
}

// join returns a read that began after the call.
func (q *quorum) join(ctx context.Context) (*quorumRead, error) {
	q.mu.Lock()
	if q.mu.next == nil {
		q.mu.next = &quorumRead{done: make(chan struct{})}
	}
	mine := q.mu.next
	if !q.mu.running {
		q.mu.running = true
		go q.run()
	}
	q.mu.Unlock()
	select {
	case <-mine.done:
		return mine, mine.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (q *quorum) run() {
	for {
		q.mu.Lock()
		read := q.mu.next
		q.mu.next = nil
		if read == nil {
			q.mu.running = false
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), quorumTimeout)
		read.begun = time.Now()
		read.revision, read.err = q.read(ctx)
		cancel()
		close(read.done)
	}
}
