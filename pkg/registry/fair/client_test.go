// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func small() *Limits {
	return &Limits{Events: NewBudget(2, 1), Lists: NewBudget(1, 1), Bytes: NewBudget(20<<20, 10<<20)}
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
	require.NoError(t, turn.Lease(t.Context(), func() { called++ }))
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
	require.Zero(t, l.Lists.used)
}

func TestWhatAUserListsAtOnceIsBoundedAndAnotherUserIsServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := small()
		first := l.NewClient("a", 5)
		require.NoError(t, first.List(t.Context(), 1<<20))
		// It waits for its client: the bytes stay held, the turn does not.
		require.NoError(t, first.Outside(t.Context(), func() error {
			require.Zero(t, l.Lists.used)
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
		require.EqualValues(t, 1, l.Lists.used)
		first.Close()
		require.Zero(t, l.Bytes.used)
		require.Zero(t, l.Lists.used)
	})
}

func TestALeaseEndsWithWhatItIsForOrAfterItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := small()
		stuck, other := l.NewClient("a", 1).Events(), l.NewClient("a", 1).Events()
		release, over := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(over)
			for range 3 {
				assert.NoError(t, stuck.Lease(t.Context(), func() { <-release }))
			}
		}()
		synctest.Wait()
		begun := time.Now()
		require.NoError(t, other.Begin(t.Context()))
		require.Equal(t, leaseLasts, time.Since(begun), "it waits for the lease and no longer")
		other.End()
		close(release)
		<-over
		<-time.After(time.Second)
		synctest.Wait()
		require.Zero(t, l.Events.used)
		require.Panics(t, func() { _ = other.Lease(t.Context(), func() { panic("the connection is gone") }) })
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
