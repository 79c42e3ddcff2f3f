// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	clocktesting "k8s.io/utils/clock/testing"
)

func tenantOf(key string) string { tenant, _, _ := strings.Cut(key, "/"); return tenant }

func newQueue(clock *clocktesting.FakeClock) *Queue[string] {
	return New(Options[string]{Tenant: tenantOf, FirstRetry: time.Second, LastRetry: time.Minute, Slowest: 10 * time.Second, Clock: clock})
}

func TestOneKeyIsNotBehindTenThousandOfAnotherTenant(t *testing.T) {
	t.Parallel()
	q := newQueue(clocktesting.NewFakeClock(time.Unix(0, 0)))
	defer q.ShutDown()
	const many = 10_000
	for i := range many {
		q.Add("flood/" + strconv.Itoa(i))
	}
	q.Add("one/a")
	q.Add("two/a")
	q.Add("one/b")
	var got []string
	next := func() {
		key, ended := q.Get()
		require.False(t, ended)
		q.Done(key)
		got = append(got, key)
	}
	for range 5 {
		next()
	}
	require.Equal(t, []string{"flood/0", "one/a", "two/a", "flood/1", "one/b"}, got)
	require.Equal(t, many-2, q.Len())
	for range many - 2 {
		next()
	}
	for i, key := range got[5:] {
		require.Equal(t, "flood/"+strconv.Itoa(i+2), key, "the keys of a tenant come in order")
	}
	require.Zero(t, q.Len())
}

func TestAKeyThatChangesAllTheTimeSlowsDown(t *testing.T) {
	t.Parallel()
	const slowest = 10 * time.Second
	now := time.Unix(0, 0)
	p := newPace[string](slowest)
	taken := 0
	for end := now.Add(5 * time.Second); now.Before(end); now = now.Add(time.Millisecond) {
		if p.take("hot", now) <= 0 {
			taken++
		}
	}
	// These are the free turns and those after 50, 150, 350, 750, 1550 and 3150 ms.
	require.Equal(t, free+6, taken)
	require.Zero(t, p.take("another", now), "a key waits only for its own turns")
	now = now.Add(4 * slowest)
	for i := range free {
		require.Zero(t, p.take("hot", now.Add(time.Duration(i))), "after a rest it has no delay")
	}
	require.Positive(t, p.take("hot", now.Add(free)))
}

func TestAKeyThatChangesNowAndThenNeverWaits(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace[string](time.Minute)
	for range 1000 {
		require.Zero(t, p.take("calm", now))
		require.Zero(t, p.take("calm", now.Add(time.Millisecond)), "this is the turn that sees its own writes")
		now = now.Add(2 * time.Second)
	}
}

func TestTheDelayDoublesUpToTheSlowest(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace[string](time.Second)
	var delays []time.Duration
	for len(delays) < 7 {
		if wait := p.take("hot", now); wait > 0 {
			delays = append(delays, wait)
			now = now.Add(wait)
		}
	}
	want := first
	for _, have := range delays {
		require.Equal(t, want, have)
		want = min(2*want, time.Second)
	}
	require.Equal(t, time.Second, want)
}

func TestKeysThatRestAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	p := newPace[int](time.Second)
	for i := range 100_000 {
		require.Zero(t, p.take(i, now))
		now = now.Add(10 * time.Millisecond)
	}
	require.LessOrEqual(t, len(p.mu.turns), 1024)
}

func TestAChangeWhileAKeyWaitsIsNotLost(t *testing.T) {
	t.Parallel()
	clock := clocktesting.NewFakeClock(time.Unix(0, 0))
	q := newQueue(clock)
	defer q.ShutDown()
	for range free {
		q.Add("a/hot")
		key, _ := q.Get()
		q.Done(key)
	}
	q.Add("a/hot")
	q.Add("b/calm")
	key, _ := q.Get()
	require.Equal(t, "b/calm", key, "the hot key waits")
	q.Done(key)
	require.Eventually(t, clock.HasWaiters, 10*time.Second, time.Millisecond)
	clock.Step(first)
	key, _ = q.Get()
	require.Equal(t, "a/hot", key)
	q.Done(key)
}

func TestAKeyIsWorkedOnUntilItSucceedsOrIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := New(Options[string]{Tenant: tenantOf, FirstRetry: time.Second, LastRetry: time.Minute, Slowest: 10 * time.Second})
		ctx, cancel := context.WithCancel(t.Context())
		turns, failures := map[string]int{}, map[string]int{}
		var ended sync.WaitGroup
		ended.Go(func() {
			q.Work(ctx, 1, func(_ context.Context, key string) error {
				switch turns[key]++; {
				case key == "a/panics" && turns[key] == 1:
					panic("a bug")
				case key == "a/fails" && turns[key] < 4, key == "a/never":
					return errors.New(key)
				}
				return nil
			}, func(key string, err error) bool {
				failures[key]++
				return key != "a/never"
			})
		})
		for _, key := range []string{"a/works", "a/panics", "a/fails", "a/never"} {
			q.Add(key)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		require.Equal(t, map[string]int{"a/works": 1, "a/panics": 2, "a/fails": 4, "a/never": 1}, turns)
		require.Equal(t, map[string]int{"a/panics": 1, "a/fails": 3, "a/never": 1}, failures)
		require.Zero(t, q.NumRequeues("a/fails"))
		cancel()
		ended.Wait()
		require.True(t, q.ShuttingDown())
	})
}
