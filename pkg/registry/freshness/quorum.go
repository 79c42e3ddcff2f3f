// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"context"
	"sync"
	"time"
)

// QuorumTimeout bounds one read of the current revision.
const QuorumTimeout = 5 * time.Second

// Quorum shares reads of the current revision. Callers that ask while a read is under way
// share the next one, because it begins after they asked.
type Quorum struct {
	read func(context.Context) (int64, error)
	mu   struct {
		sync.Mutex
		next    *Read
		running bool
	}
}

// Read is one quorum read. Begun is when it began.
type Read struct {
	done     chan struct{}
	Begun    time.Time
	Revision int64
	err      error
}

// NewQuorum returns shared reads. read reads etcd's revision by quorum.
func NewQuorum(read func(context.Context) (int64, error)) *Quorum { return &Quorum{read: read} }

// Direct reads alone, without sharing.
func (q *Quorum) Direct(ctx context.Context) (int64, error) { return q.read(ctx) }

// Join returns a read that began after the call. It blocks until the read or the context
// ends.
func (q *Quorum) Join(ctx context.Context) (*Read, error) {
	q.mu.Lock()
	if q.mu.next == nil {
		q.mu.next = &Read{done: make(chan struct{})}
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

func (q *Quorum) run() {
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
		ctx, cancel := context.WithTimeout(context.Background(), QuorumTimeout)
		read.Begun = time.Now()
		read.Revision, read.err = q.read(ctx)
		cancel()
		close(read.done)
	}
}
