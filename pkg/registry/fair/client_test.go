// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func small() *Limits {
	return &Limits{Events: NewBudget(2, 1), Heavy: NewBudget(1, 1), Bytes: NewBudget(20<<20, 10<<20)}
}

func TestARequestWithoutAClientIsNotLimited(t *testing.T) {
	t.Parallel()
	c := Of(t.Context())
	require.Nil(t, c)
	require.NoError(t, c.List(t.Context(), 1<<40))
	turn := c.Events()
	require.NoError(t, turn.Begin(t.Context()))
	require.NoError(t, turn.Share(t.Context()))
	called := 0
	require.NoError(t, turn.During(t.Context(), func() { called++ }))
	require.NoError(t, c.Pause(t.Context()))
	require.NoError(t, c.Walk(t.Context(), 1<<30))
	c.Small()
	require.NoError(t, c.Outside(t.Context(), func() error { called++; return nil }))
	require.NoError(t, turn.Outside(t.Context(), func() error { called++; return nil }))
	require.Equal(t, 3, called)
	turn.End()
}

func TestASmallListWaitsForNoLargeOne(t *testing.T) {
	t.Parallel()
	l := small()
	large, other := l.NewClient("a", 1), l.NewClient("b", 1)
	require.NoError(t, large.List(t.Context(), 50<<20))
	require.NoError(t, Of(other.In(t.Context())).List(t.Context(), largeList-1))
	other.Close()
	large.Close()
	require.Zero(t, l.Bytes.used)
	require.Zero(t, l.Heavy.used)
}

func TestTheListsOfAUserAreBoundedAndAnotherUserIsServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := small()
		first := l.NewClient("a", 5)
		require.NoError(t, first.List(t.Context(), 1<<20))
		// The request waits for its client: the bytes stay held, the turn does not.
		require.NoError(t, first.Outside(t.Context(), func() error {
			require.Zero(t, l.Heavy.used)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			second := l.NewClient("a", 6)
			require.ErrorIs(t, second.List(ctx, 1<<20), context.DeadlineExceeded)
			second.Close()
			other := l.NewClient("b", 6)
			require.NoError(t, other.List(t.Context(), 1<<20))
			other.Close()
			return nil
		}))
		require.EqualValues(t, 1, l.Heavy.used)
		first.Close()
		require.Zero(t, l.Bytes.used)
		require.Zero(t, l.Heavy.used)
	})
}

// TestAListThatWaitsForMemoryHoldsNoTurn prevents a deadlock: a list that holds memory
// needs a turn to be sent.
func TestAListThatWaitsForMemoryHoldsNoTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := small()
		first, second := l.NewClient("a", 5), l.NewClient("a", 6)
		require.NoError(t, first.List(t.Context(), 2<<20))
		require.NoError(t, first.Outside(t.Context(), func() error {
			require.NoError(t, second.Walk(t.Context(), longWalk))
			go func() { assert.NoError(t, second.List(t.Context(), 1<<20)) }()
			synctest.Wait()
			require.Zero(t, l.Heavy.used)
			return nil
		}))
		first.Close()
		synctest.Wait()
		require.NotZero(t, l.Bytes.used)
		second.Close()
		require.Zero(t, l.Bytes.used)
		require.Zero(t, l.Heavy.used)
	})
}

func TestAListThatIsBuiltAsAWholeHasToFit(t *testing.T) {
	t.Parallel()
	l := small()
	require.True(t, l.NewClient("a", streamed).Fits(1<<40))
	require.True(t, l.NewClient("a", 4).Fits(2<<20))
	require.False(t, l.NewClient("a", 4).Fits(3<<20))
	require.True(t, Of(t.Context()).Fits(1<<40))
}

func TestALargeBodyTakesATurnAndASmallOneDoesNot(t *testing.T) {
	t.Parallel()
	l := small()
	c := l.NewClient("a", 1)
	require.NoError(t, c.Object(t.Context(), largeObject-1))
	require.Zero(t, l.Heavy.used)
	require.NoError(t, c.Object(t.Context(), largeObject))
	require.EqualValues(t, 1, l.Heavy.used)
	require.NoError(t, c.Outside(t.Context(), func() error {
		require.Zero(t, l.Heavy.used, "while it is committed, others compute")
		return nil
	}))
	require.EqualValues(t, 1, l.Heavy.used)
	c.Rest()
	require.Zero(t, l.Heavy.used)
	require.NoError(t, c.Object(t.Context(), largeObject))
	require.EqualValues(t, 1, l.Heavy.used)
	c.Close()
	require.Zero(t, l.Heavy.used)
}

// TestATurnThatIsTakenAfterCloseEnds covers a request that takes too long: the API server
// answers it while its handler still runs.
func TestATurnThatIsTakenAfterCloseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := small()
		other, c := l.NewClient("b", 1), l.NewClient("a", 1)
		require.NoError(t, other.Object(t.Context(), largeObject))
		begun := make(chan struct{})
		go func() {
			defer close(begun)
			assert.NoError(t, c.Object(t.Context(), largeObject))
		}()
		synctest.Wait()
		c.Close()
		other.Close()
		<-begun
		require.Zero(t, l.Heavy.used)
		require.NoError(t, c.Object(t.Context(), largeObject))
		require.Zero(t, l.Heavy.used)
	})
}

func TestATurnEndsWithItsWorkOrAfterItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := small()
		stuck, other := l.NewClient("a", 1).Events(), l.NewClient("a", 1).Events()
		release, over := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(over)
			for range 3 {
				assert.NoError(t, stuck.During(t.Context(), func() { <-release }))
			}
		}()
		synctest.Wait()
		begun := time.Now()
		require.NoError(t, other.Begin(t.Context()))
		require.Equal(t, eventsLast, time.Since(begun), "it waits for the lease and no longer")
		other.End()
		close(release)
		<-over
		<-time.After(time.Second)
		synctest.Wait()
		require.Zero(t, l.Events.used)
		require.Panics(t, func() { _ = other.During(t.Context(), func() { panic("the connection is gone") }) })
		require.Zero(t, l.Events.used)
	})
}

func TestALongTurnIsSharedWithOneThatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &Limits{Events: NewBudget(1, 1)}
		long, other := l.NewClient("a", 1).Events(), l.NewClient("b", 1).Events()
		require.NoError(t, long.Begin(t.Context()))
		<-time.After(turnLasts)
		require.NoError(t, long.Share(t.Context()))
		had := make(chan struct{})
		go func() {
			defer close(had)
			assert.NoError(t, other.Begin(t.Context()))
			other.End()
		}()
		synctest.Wait()
		require.NoError(t, long.Share(t.Context()), "it has just begun")
		<-time.After(turnLasts)
		require.NoError(t, long.Share(t.Context()))
		<-had
		require.True(t, long.held)
		long.End()
		require.Zero(t, l.Events.used)
	})
}

// TestAFewOfTenThousandWatchesComputeAndAnotherUserIsNext wakes all watches of one user at
// once, and one of another user a little later.
func TestAFewOfTenThousandWatchesComputeAndAnotherUserIsNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const watches, takes = 10_000, time.Millisecond
		l := NewLimits()
		var mu sync.Mutex
		var computing, most, served int64
		one := func(user string) {
			assert.NoError(t, l.NewClient(user, 1).Events().During(t.Context(), func() {
				mu.Lock()
				computing++
				most = max(most, computing)
				served++
				mu.Unlock()
				<-time.After(takes)
				mu.Lock()
				computing--
				mu.Unlock()
			}))
		}
		var all sync.WaitGroup
		for range watches {
			all.Go(func() { one("many") })
		}
		<-time.After(10*takes + takes/2)
		begun := time.Now()
		one("another")
		require.Equal(t, takes, time.Since(begun), "it waits for none of the others")
		all.Wait()
		require.LessOrEqual(t, most, l.Events.total)
		require.EqualValues(t, watches+1, served)
		require.Zero(t, l.Events.used)
		require.Empty(t, l.Events.flows)
	})
}
