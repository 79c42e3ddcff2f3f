// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A torture is many random histories on real etcds: writes of all kinds, several records in
// one transaction; two replicas that are killed, cut off and restarted; etcd restarted and
// compacted; lists at any revision; watches that start, stop and resume anywhere, or are not
// read. What is read at a revision must be what the oracle says of that revision
// (torture_model_test.go). The events of a watch up to a revision must add up to that
// revision.
//
// make torture runs it for a long time.
const (
	stepsOfEach = 60
	// stepsToGrow come first, and only write, because little can happen to an empty fleet.
	stepsToGrow = 20
	// stepsToWatch then start watches, which live through all later steps.
	stepsToWatch = 6
	// workersAtOnce is how many workers run, each with an etcd of its own. They wait most of
	// the time. workersVariable overrides it.
	workersAtOnce   = 4
	workersVariable = "MUSTER_TORTURE_WORKERS"
	// historiesVariable and durationVariable set how many histories run, and for how long.
	// The run ends at the first of the two. MUSTER_SEED is the seed of the first history.
	historiesVariable = "MUSTER_TORTURE_HISTORIES"
	durationVariable  = "MUSTER_TORTURE_DURATION"
	// stuckAfter is longer than one history may wait in total.
	stuckAfter = 3 * time.Minute
	// fewHistories run with every run of the tests.
	fewHistories = 60
)

// story is a history that can be repeated: its seed, and which of its steps count.
type story struct {
	Seed  uint64
	Steps []int
}

func whole(seed uint64) story {
	s := story{Seed: seed}
	for i := range stepsToGrow + stepsToWatch {
		s.Steps = append(s.Steps, stepsOfEach+i)
	}
	for i := range stepsOfEach {
		s.Steps = append(s.Steps, i)
	}
	return s
}

func TestTorture(t *testing.T) {
	t.Parallel()
	count, duration := int64(fewHistories), time.Duration(0)
	if text := os.Getenv(historiesVariable); text != "" {
		var err error
		count, err = strconv.ParseInt(text, 10, 64)
		require.NoError(t, err, historiesVariable)
	}
	if text := os.Getenv(durationVariable); text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		require.NoError(t, err, durationVariable)
	}
	workersWanted := workersAtOnce
	if text := os.Getenv(workersVariable); text != "" {
		var err error
		workersWanted, err = strconv.Atoi(text)
		require.NoError(t, err, workersVariable)
	}
	first := uint64(rand.Uint32())
	if text := os.Getenv("MUSTER_SEED"); text != "" {
		var err error
		first, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "MUSTER_SEED")
	}
	start := time.Now()
	var next atomic.Int64
	var sum tally
	var workers sync.WaitGroup
	for range workersWanted {
		b := newBench(t)
		workers.Go(func() {
			for !t.Failed() && (duration == 0 || time.Since(start) < duration) {
				i := next.Add(1) - 1
				if i >= count {
					return
				}
				s := whole(first + uint64(i))
				if failure := b.attempt(t, s, &sum); failure != "" {
					t.Errorf("history %d failed (MUSTER_SEED=%d %s=1 go test -run '^TestTorture$' ./pkg/registry/state):\n%s", s.Seed, s.Seed, historiesVariable, failure)
					if !strings.HasPrefix(failure, "stuck") {
						b.reduce(t, s)
					}
				}
				if (i+1)%500 == 0 {
					t.Logf("%s: %d histories, seeds %d to %d: %s", time.Since(start).Round(time.Second), i+1, first, first+uint64(i), &sum)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%s: %d histories from seed %d on: %s", time.Since(start).Round(time.Second), min(next.Load(), count), first, &sum)
	if n := min(next.Load(), count); n >= fewHistories && !t.Failed() {
		sum.enough(t)
	}
}

// TestTorturesThatFailedOnce repeats the histories that found something.
func TestTorturesThatFailedOnce(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/torture/*.json")
	require.NoError(t, err)
	b := newBench(t)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var s story
		require.NoError(t, json.Unmarshal(data, &s))
		var sum tally
		require.Empty(t, b.attempt(t, s, &sum), file)
	}
}

// reduce removes the steps that a failure does not need, and stores the rest in testdata.
func (b *bench) reduce(t *testing.T, s story) {
	const triesAtMost = 300
	tries := 0
	for size := len(s.Steps) / 2; size > 0; size /= 2 {
		for from := 0; from < len(s.Steps) && tries < triesAtMost; {
			shorter := story{s.Seed, slices.Delete(slices.Clone(s.Steps), from, min(from+size, len(s.Steps)))}
			tries++
			var sum tally
			if b.attempt(t, shorter, &sum) == "" {
				from += size
				continue
			}
			s = shorter
		}
	}
	data, err := json.Marshal(s)
	require.NoError(t, err)
	file := filepath.Join("testdata", "torture", fmt.Sprintf("%d.json", s.Seed))
	if os.MkdirAll(filepath.Dir(file), 0o755) == nil && os.WriteFile(file, append(data, '\n'), 0o644) == nil {
		t.Logf("%d steps are left of it, in %s", len(s.Steps), file)
	}
}

// attempt runs a story, and returns why it failed.
func (b *bench) attempt(t *testing.T, s story, sum *tally) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.run(r, s, sum)
	}()
	select {
	case <-done:
	case <-time.After(stuckAfter):
		stacks := make([]byte, 1<<20)
		r.Errorf("stuck:\n%s", stacks[:runtime.Stack(stacks, true)])
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.failure
}

// recorder is a test whose failure is a result.
type recorder struct {
	testing.TB
	mu struct {
		sync.Mutex
		failure string
	}
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.failure == "" {
		r.mu.failure = fmt.Sprintf(format, args...)
	}
}

func (r *recorder) FailNow() { runtime.Goexit() }

func (r *recorder) must(ok bool, format string, args ...any) {
	if !ok {
		r.Errorf(format, args...)
		r.FailNow()
	}
}

// tally counts what happened in histories.
type tally struct {
	writes, lists, pages, refused, watches, events, resumed, within, expired, kills, cuts, stalls, restarts, compactions atomic.Int64
}

func (s *tally) String() string {
	return fmt.Sprintf("%d writes, %d lists in %d pages (%d refused), %d watches with %d events, resumed %d times, %d of them within a revision, %d expired; %d kills, %d cuts, %d stalls, %d restarts of etcd, %d compactions",
		s.writes.Load(), s.lists.Load(), s.pages.Load(), s.refused.Load(), s.watches.Load(), s.events.Load(), s.resumed.Load(), s.within.Load(), s.expired.Load(),
		s.kills.Load(), s.cuts.Load(), s.stalls.Load(), s.restarts.Load(), s.compactions.Load())
}

// enough fails if the histories no longer meet the cases that they should.
func (s *tally) enough(t *testing.T) {
	for what, n := range map[string]int64{
		"writes": s.writes.Load() / fewHistories, "lists": s.lists.Load(), "events": s.events.Load() / fewHistories, "resumed watches": s.resumed.Load(),
		"resumed within a revision": s.within.Load(), "expired watches": s.expired.Load(), "kills": s.kills.Load(), "cuts": s.cuts.Load(), "stalls": s.stalls.Load(), "compactions": s.compactions.Load(),
	} {
		require.Positive(t, n, "the histories no longer have %s: %s", what, s)
	}
}
