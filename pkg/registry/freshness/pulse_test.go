// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package freshness

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// beating runs a pulse in a synctest bubble. Each beat takes the time that answer returns. It
// counts the beats.
func beating(t *testing.T, answer func(begun time.Time) (takes time.Duration, err error)) (p *Pulse, beats *atomic.Int64) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	p, beats = New(), new(atomic.Int64)
	go p.Watch(ctx, func(bool) {})
	go p.Keep(ctx, func(ctx context.Context) error {
		beats.Add(1)
		begun := time.Now()
		takes, err := answer(begun)
		select {
		case <-ctx.Done():
		case <-time.After(takes):
		}
		if err == nil {
			p.Heard(begun)
			p.Confirm(begun)
		}
		return err
	})
	return p, beats
}

func ended(ctx context.Context) bool { return ctx.Err() != nil }

// pass lets time pass in the bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestAPulseIsLostWithoutRecentAnswersAndRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		p, beats := beating(t, func(time.Time) (time.Duration, error) {
			if broken.Load() {
				return Timeout, errors.New("no answer")
			}
			return time.Millisecond, nil
		})
		require.False(t, p.Ready(), "nothing was heard yet")
		require.True(t, ended(p.Lost()))
		pass(time.Minute)
		require.True(t, p.Ready())
		require.InDelta(t, 60, beats.Load(), 2, "one a second")
		lost := p.Lost()

		broken.Store(true)
		at := time.Now()
		<-lost.Done()
		require.LessOrEqual(t, time.Since(at), SilentAfter+time.Millisecond, "counted from the arrival of the last answer")
		require.Greater(t, time.Since(at), SilentAfter-2*pulseEvery)
		require.False(t, p.Ready())
		pass(time.Minute)
		require.False(t, p.Ready())
		require.NotNil(t, p.failure.Load())

		broken.Store(false)
		pass(Timeout + pulsePause + 10*time.Millisecond)
		require.True(t, p.Ready())
		require.False(t, ended(p.Lost()))
		require.Nil(t, p.failure.Load())
	})
}

// TestMembersThatAnswerWithoutAQuorumAreWaitedForLonger covers an election, which ends
// before LostAfter, and the loss of the quorum.
func TestMembersThatAnswerWithoutAQuorumAreWaitedForLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var leaderless atomic.Bool
		p, _ := beating(t, func(time.Time) (time.Duration, error) {
			if leaderless.Load() {
				return Timeout, errors.New("no leader")
			}
			return time.Millisecond, nil
		})
		pass(10 * time.Second)
		lost := p.Lost()
		leaderless.Store(true)
		at := time.Now()
		for !ended(lost) {
			pass(time.Second / 2)
			p.Replied()
		}
		require.LessOrEqual(t, time.Since(at), LostAfter)
		require.Greater(t, time.Since(at), LostAfter-2*pulseEvery)
	})
}

// TestAnAnswerAfterASilenceDoesNotReviveAnOldView covers a replica that hears from etcd again
// before its last barrier is too old: it has to catch up first.
func TestAnAnswerAfterASilenceDoesNotReviveAnOldView(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		go p.Watch(t.Context(), func(bool) {})
		p.Heard(time.Now())
		p.Confirm(time.Now())
		pass(SilentAfter + time.Millisecond)
		require.False(t, p.Ready())
		begun := time.Now()
		pass(time.Millisecond)
		p.Heard(begun)
		require.False(t, p.Ready(), "the view may lack what was committed in the silence")
		p.Confirm(begun)
		require.True(t, p.Ready())
	})
}

func TestAFailureThatIsShorterThanTheBoundGoesUnnoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var from, to atomic.Int64
		p, _ := beating(t, func(begun time.Time) (time.Duration, error) {
			if at := begun.UnixNano(); at > from.Load() && at < to.Load() {
				return Timeout, errors.New("no leader")
			}
			return time.Millisecond, nil
		})
		pass(10 * time.Second)
		lost := p.Lost()
		from.Store(time.Now().UnixNano())
		to.Store(time.Now().Add(1500 * time.Millisecond).UnixNano())
		pass(10 * time.Second)
		require.False(t, ended(lost))
		require.True(t, p.Ready())
	})
}

// TestABusyProcessIsReadyWhileEachAnswerTakesLong checks that a pulse does not wait for the
// answer to the one before it.
func TestABusyProcessIsReadyWhileEachAnswerTakesLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, beats := beating(t, func(time.Time) (time.Duration, error) { return Timeout - 100*time.Millisecond, nil })
		pass(10 * time.Second)
		require.True(t, p.Ready())
		lost, before := p.Lost(), beats.Load()
		for range 60 {
			pass(time.Second)
			require.True(t, p.Ready())
		}
		require.False(t, ended(lost))
		require.InDelta(t, 60, beats.Load()-before, 2, "one a second")
	})
}

// TestAFailureThatIsOlderThanASuccessIsNotReported covers pulses that end in another order
// than they began.
func TestAFailureThatIsOlderThanASuccessIsNotReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var failed atomic.Bool
		p, _ := beating(t, func(time.Time) (time.Duration, error) {
			if !failed.Swap(true) {
				return Timeout, errors.New("no answer")
			}
			return time.Millisecond, nil
		})
		pass(Timeout + time.Second/2)
		require.True(t, p.Ready())
		require.Nil(t, p.failure.Load())
	})
}

func TestPulsesThatHangAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, beats := beating(t, func(time.Time) (time.Duration, error) { return time.Hour, errors.New("it ignores its deadline") })
		pass(time.Minute)
		require.EqualValues(t, pulsesUnderWay, beats.Load())
	})
}

// TestAnAnswerThatTheViewReachesLateStillCounts checks that the answer vouches for the view
// at the time of the question, whenever the pulse that asked has ended.
func TestAnAnswerThatTheViewReachesLateStillCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		asked := time.Now()
		for i := range int64(3) {
			p.Owe(time.Now(), 10+i)
			pass(time.Second)
		}
		p.Reached(9)
		require.False(t, p.Ready())
		p.Reached(11)
		require.True(t, p.Ready())
		age, met := p.Age()
		require.True(t, met)
		require.Equal(t, time.Since(asked)-time.Second, age, "of the second answer, not of now")
		pass(time.Second)
		p.Reached(11)
		again, _ := p.Age()
		require.Equal(t, age+time.Second, again, "the third is not reached")
		for range 2 * keptAnswers {
			p.Owe(time.Now(), 100)
		}
		require.Len(t, p.answers.open, keptAnswers)
	})
}

func TestABarrierThatBeganBeforeARevocationDoesNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		go p.Watch(t.Context(), func(bool) {})
		p.Confirm(time.Now())
		pass(time.Second)
		require.True(t, p.Ready())
		lost, begun := p.Lost(), time.Now()
		pass(time.Millisecond)
		p.Revoke()
		p.Confirm(begun)
		require.False(t, p.Ready())
		synctest.Wait()
		require.True(t, ended(lost), "watches are notified")
		require.False(t, p.Ready())
		pass(time.Millisecond)
		p.Confirm(time.Now())
		require.True(t, p.Ready())
		require.False(t, ended(p.Lost()))
	})
}

func TestAPulseEndsWithItsContextAndIsNotRevived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		ctx, stop := context.WithCancel(t.Context())
		go p.Watch(ctx, func(bool) {})
		p.Confirm(time.Now())
		synctest.Wait()
		lost := p.Lost()
		require.True(t, p.Ready())
		stop()
		synctest.Wait()
		require.False(t, p.Ready())
		require.True(t, ended(lost))
		pass(time.Millisecond)
		p.Confirm(time.Now())
		require.False(t, p.Ready())
		require.True(t, ended(p.Lost()))
	})
}

func TestBarriersOfOthersTakeThePlaceOfPulses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, beats := beating(t, func(time.Time) (time.Duration, error) { return time.Millisecond, nil })
		pass(time.Second / 2)
		before := beats.Load()
		for range 100 {
			p.Confirm(time.Now())
			pass(time.Second / 2)
		}
		require.Equal(t, before, beats.Load())
		require.True(t, p.Ready())
	})
}

func TestAnAnswerThatComesTooLateVouchesForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		begun := time.Now()
		pass(LostAfter)
		p.Confirm(begun)
		require.False(t, p.Ready(), "what it saw is %s old", LostAfter)
		require.True(t, ended(p.Lost()))
	})
}

func TestReadinessFollowsTheClockAndNotItsWatcher(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		p.Confirm(time.Now())
		require.True(t, p.Ready())
		pass(LostAfter)
		require.False(t, p.Ready(), "even if nothing watches: a process that was stopped must not answer before it knows")
	})
}

func TestAnEtcdThatAnswersIsWaitedForLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		p.Confirm(time.Now())
		for range int((BehindAfter - time.Second) / time.Second) {
			pass(time.Second)
			p.Heard(time.Now())
			require.True(t, p.Ready(), "a long revision may be on its way")
		}
		pass(time.Second)
		p.Heard(time.Now())
		require.False(t, p.Ready(), "the view is stuck")
		p.Confirm(time.Now())
		require.True(t, p.Ready())
		pass(LostAfter)
		require.False(t, p.Ready(), "etcd is silent")
	})
}

func TestAnAnswerAloneVouchesForNoView(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New()
		p.Heard(time.Now())
		require.False(t, p.Ready())
		require.True(t, ended(p.Lost()))
	})
}
