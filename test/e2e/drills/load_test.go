// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// pace is the time between two requests of the same kind by the same client.
const pace = 200 * time.Millisecond

// sample is one request.
type sample struct {
	ask        int // an index in load.asks
	begin, end time.Time
	outcome    outcome
}

// load holds the clients. They do not wait for answers: a server that hangs gets as many
// requests as one that answers.
type load struct {
	asks     []ask
	informer *informer
	mu       struct {
		sync.Mutex
		samples []sample
		pending map[int]time.Time // the requests that have no answer yet
	}
}

// startLoad starts the clients, and returns when all of them make progress.
func startLoad(t cluster.T, f fleet) *load {
	t.Helper()
	l := &load{asks: asks(t, f), informer: startInformer(t, f)}
	l.mu.pending = map[int]time.Time{}
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	t.Cleanup(func() { cancel(); clients.Wait() })
	clients.Go(func() {
		ticker := time.NewTicker(pace)
		defer ticker.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for i := range l.asks {
				id := n*len(l.asks) + i
				l.begin(id)
				clients.Go(func() { l.send(ctx, id, i, n) })
			}
		}
	})
	l.waitProgress(t, 3)
	return l
}

func (l *load) begin(id int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.pending[id] = time.Now()
}

func (l *load) send(ctx context.Context, id, i, n int) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begin := time.Now()
	out := l.asks[i].send(ctx, n)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.mu.pending, id)
	l.mu.samples = append(l.mu.samples, sample{i, begin, time.Now(), out})
}

// since returns the requests that began at a time or later.
func (l *load) since(at time.Time) []sample {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []sample
	for _, each := range l.mu.samples {
		if !each.begin.Before(at) {
			all = append(all, each)
		}
	}
	return all
}

// count returns how many requests of each kind began since a time and succeeded, or failed.
func (l *load) count(at time.Time, success bool) []int {
	counts := make([]int, len(l.asks))
	for _, each := range l.since(at) {
		if (each.outcome.failure == "") == success {
			counts[each.ask]++
		}
	}
	return counts
}

func least(counts []int) int {
	n := counts[0]
	for _, each := range counts {
		n = min(n, each)
	}
	return n
}

// waitProgress waits until each client has had so many more requests answered.
func (l *load) waitProgress(t cluster.T, more int) {
	t.Helper()
	from := time.Now()
	require.NoError(t, poll.Until(t.Context(), within, func(context.Context) error {
		return enough(l.count(from, true), more, "clients make no progress")
	}))
}

// waitFailures waits until each client has had so many more requests fail.
func (l *load) waitFailures(t cluster.T, more int) {
	t.Helper()
	from := time.Now()
	require.NoError(t, poll.Until(t.Context(), within, func(context.Context) error {
		return enough(l.count(from, false), more, "requests still succeed")
	}))
}

// waitAnswers waits until no request that began before a time is without its answer.
func (l *load) waitAnswers(t cluster.T, at time.Time) {
	t.Helper()
	require.NoError(t, poll.Until(t.Context(), 2*patience, func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, begun := range l.mu.pending {
			if begun.Before(at) {
				return errUnanswered
			}
		}
		return nil
	}))
}
