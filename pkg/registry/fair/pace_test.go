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

// paced returns limits with one heavy turn that rests.
func paced() *Limits {
	l := small()
	l.pace = newPace(1)
	return l
}

// beside runs a test with a client for heavy work, and a small request of another user in
// progress.
func beside(t *testing.T, test func(t *testing.T, l *Limits, other, heavy *Client)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := paced()
		other := l.NewClient("other", 1)
		other.Small()
		test(t, l, other, l.NewClient("heavy", 1))
	})
}

// work takes the turn, works for d, and returns how long that took, including the rest
// before it.
func work(t *testing.T, c *Client, d time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	assert.NoError(t, c.Object(t.Context(), largeObject))
	<-time.After(d)
	c.Rest()
	return time.Since(begun)
}

func TestHeavyWorkRestsOnlyForSmallRequestsOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := paced()
		own := l.NewClient("heavy", 1)
		own.Small()
		heavy := l.NewClient("heavy", 1)
		for range 3 {
			require.Equal(t, 10*time.Millisecond, work(t, heavy, 10*time.Millisecond))
		}
		own.Close()
		require.Equal(t, 10*time.Millisecond, work(t, heavy, 10*time.Millisecond))
		heavy.Close()
		require.Empty(t, l.pace.small)
	})
}

func TestHeavyWorkHasAThirdOfItsTurnsWhileASmallRequestIsUnderWay(t *testing.T) {
	beside(t, func(t *testing.T, l *Limits, _, heavy *Client) {
		require.Equal(t, 10*time.Millisecond, work(t, heavy, 10*time.Millisecond), "a turn that has not worked yet need not rest")
		for range 5 {
			require.Equal(t, 30*time.Millisecond, work(t, heavy, 10*time.Millisecond))
		}
		third := l.NewClient("third", 1)
		require.Equal(t, 30*time.Millisecond, work(t, third, 10*time.Millisecond), "all heavy work shares the rest")
	})
}

func TestHeavyWorkContinuesSoonAfterTheSmallRequestHasEnded(t *testing.T) {
	beside(t, func(t *testing.T, l *Limits, other, heavy *Client) {
		work(t, heavy, time.Second)
		begun := time.Now()
		time.AfterFunc(5*time.Millisecond, other.Close)
		require.NoError(t, heavy.Object(t.Context(), largeObject))
		require.InDelta(t, 5*time.Millisecond+lingers, time.Since(begun), float64(2*lookAgain))
		require.NotZero(t, l.Heavy.used)
		heavy.Close()
	})
}

func TestARequestThatTurnsOutHeavyIsNoLongerSmall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := paced()
		first, second := l.NewClient("first", 1), l.NewClient("second", 1)
		first.Small()
		second.Small()
		work(t, first, time.Second)
		<-time.After(time.Second)
		require.NotContains(t, l.pace.small, "first")
		work(t, second, time.Second)
		<-time.After(lingers + 1)
		require.Equal(t, time.Second, work(t, first, time.Second))
	})
}

func TestLongWorkPauses(t *testing.T) {
	beside(t, func(t *testing.T, l *Limits, _, heavy *Client) {
		require.NoError(t, heavy.Pause(t.Context()), "it has no turn")
		require.NoError(t, heavy.Object(t.Context(), largeObject))
		begun := time.Now()
		require.NoError(t, heavy.Pause(t.Context()), "it has just begun")
		require.Zero(t, time.Since(begun))
		<-time.After(4 * time.Millisecond)
		begun = time.Now()
		require.NoError(t, heavy.Pause(t.Context()))
		require.Equal(t, restFactor*4*time.Millisecond, time.Since(begun))
		require.NotZero(t, l.Heavy.used, "it keeps its turn, so that no other works instead")
		heavy.Close()
		require.Zero(t, l.Heavy.used)
	})
}

func TestNoRestIsLongerThanItsBound(t *testing.T) {
	beside(t, func(t *testing.T, _ *Limits, _, heavy *Client) {
		for range 3 {
			work(t, heavy, time.Minute)
		}
		require.Equal(t, longestRest+time.Millisecond, work(t, heavy, time.Millisecond))
	})
}

func TestARequestThatEndsWhileItRestsGivesItsTurnBack(t *testing.T) {
	beside(t, func(t *testing.T, l *Limits, _, heavy *Client) {
		work(t, heavy, time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), longestRest/2)
		defer cancel()
		require.ErrorIs(t, heavy.Object(ctx, largeObject), context.DeadlineExceeded)
		require.Zero(t, l.Heavy.used)
	})
}
