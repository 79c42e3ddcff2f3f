// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// beating runs a pulse in a synctest bubble: each beat takes what answer says, and
// counts.
func beating(t *testing.T, answer func(begun time.Time) (takes time.Duration, err error)) (p *pulse, beats *int) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	p, beats = newPulse(), new(int)
	go p.watch(ctx, func(bool) {})
	go p.keep(ctx, func(ctx context.Context) error {
		*beats++
		begun := time.Now()
		takes, err := answer(begun)
		select {
		case <-ctx.Done():
		case <-time.After(takes):
		}
		if err == nil {
			p.confirm(begun)
		}
		return err
	})
	return p, beats
}

func ended(ctx context.Context) bool { return ctx.Err() != nil }

// pass lets a time go by in the bubble.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestAPulseIsLostWhenItsLastAnswerIsTooOldAndComesBackByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var broken bool
		p, beats := beating(t, func(time.Time) (time.Duration, error) {
			if broken {
				return pulseTimeout, errors.New("no answer")
			}
			return time.Millisecond, nil
		})
		require.False(t, p.ready(), "nothing was heard yet")
		require.True(t, ended(p.lost()))
		pass(time.Minute)
		require.True(t, p.ready())
		require.InDelta(t, 60, *beats, 2, "one a second")
		lost := p.lost()

		broken = true
		at := time.Now()
		<-lost.Done()
		require.LessOrEqual(t, time.Since(at), lostAfter)
		require.Greater(t, time.Since(at), lostAfter-2*pulseEvery)
		require.False(t, p.ready())
		pass(time.Minute)
		require.False(t, p.ready())
		require.NotNil(t, p.failure.Load())

		broken = false
		pass(pulseTimeout + pulsePause + 10*time.Millisecond)
		require.True(t, p.ready())
		require.False(t, ended(p.lost()))
		require.Nil(t, p.failure.Load())
	})
}

func TestAFailureThatIsShorterThanTheBoundGoesUnnoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var from, to time.Time
		p, _ := beating(t, func(begun time.Time) (time.Duration, error) {
			if begun.After(from) && begun.Before(to) {
				return pulseTimeout, errors.New("no leader")
			}
			return time.Millisecond, nil
		})
		pass(10 * time.Second)
		lost := p.lost()
		from, to = time.Now(), time.Now().Add(1500*time.Millisecond)
		pass(10 * time.Second)
		require.False(t, ended(lost))
		require.True(t, p.ready())
	})
}

// TestABusyProcessIsReadyWhileEachAnswerTakesLong: the next pulse does not wait for the
// answer to the one before it.
func TestABusyProcessIsReadyWhileEachAnswerTakesLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, beats := beating(t, func(time.Time) (time.Duration, error) { return pulseTimeout - 100*time.Millisecond, nil })
		pass(10 * time.Second)
		require.True(t, p.ready())
		lost, before := p.lost(), *beats
		for range 60 {
			pass(time.Second)
			require.True(t, p.ready())
		}
		require.False(t, ended(lost))
		require.InDelta(t, 60, *beats-before, 2, "one a second")
	})
}

// TestAFailureThatIsOlderThanASuccessIsNotTold: pulses may end in another order than they
// began.
func TestAFailureThatIsOlderThanASuccessIsNotTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := true
		p, _ := beating(t, func(time.Time) (time.Duration, error) {
			if first {
				first = false
				return pulseTimeout, errors.New("no answer")
			}
			return time.Millisecond, nil
		})
		pass(pulseTimeout + time.Second/2)
		require.True(t, p.ready())
		require.Nil(t, p.failure.Load())
	})
}

func TestPulsesThatHangAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, beats := beating(t, func(time.Time) (time.Duration, error) { return time.Hour, errors.New("it ignores its deadline") })
		pass(time.Minute)
		require.Equal(t, pulsesUnderWay, *beats)
	})
}

// TestAnAnswerThatTheViewReachesLateStillCounts: it vouches for the view at the time of
// asking, whenever the pulse that asked has ended.
func TestAnAnswerThatTheViewReachesLateStillCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &Engine{pulse: newPulse()}
		asked := time.Now()
		for i := range int64(3) {
			e.pulse.answers.keep(time.Now(), 10+i)
			pass(time.Second)
		}
		e.publish(&view.View{Revision: 9})
		e.settle()
		require.False(t, e.pulse.ready())
		e.publish(&view.View{Revision: 11})
		e.settle()
		require.True(t, e.pulse.ready())
		age, met := e.pulse.age()
		require.True(t, met)
		require.Equal(t, time.Since(asked)-time.Second, age, "of the second answer, not of now")
		pass(time.Second)
		e.settle()
		again, _ := e.pulse.age()
		require.Equal(t, age+time.Second, again, "the third is not reached")
		for range 2 * keptAnswers {
			e.pulse.answers.keep(time.Now(), 100)
		}
		require.Len(t, e.pulse.answers.open, keptAnswers)
	})
}

func TestABarrierThatBeganBeforeARevocationDoesNotCount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		go p.watch(t.Context(), func(bool) {})
		p.confirm(time.Now())
		pass(time.Second)
		require.True(t, p.ready())
		lost, begun := p.lost(), time.Now()
		pass(time.Millisecond)
		p.revoke()
		p.confirm(begun)
		require.False(t, p.ready())
		synctest.Wait()
		require.True(t, ended(lost), "watches are told")
		require.False(t, p.ready())
		pass(time.Millisecond)
		p.confirm(time.Now())
		require.True(t, p.ready())
		require.False(t, ended(p.lost()))
	})
}

func TestAPulseThatHasStoppedIsNotRevived(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		ctx, stop := context.WithCancel(t.Context())
		go p.watch(ctx, func(bool) {})
		p.confirm(time.Now())
		synctest.Wait()
		require.True(t, p.ready())
		stop()
		synctest.Wait()
		pass(time.Millisecond)
		p.confirm(time.Now())
		require.False(t, p.ready())
		require.True(t, ended(p.lost()))
	})
}

func TestBarriersOfOthersTakeThePlaceOfPulses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, beats := beating(t, func(time.Time) (time.Duration, error) { return time.Millisecond, nil })
		pass(time.Second / 2)
		before := *beats
		for range 100 {
			p.confirm(time.Now())
			pass(time.Second / 2)
		}
		require.Equal(t, before, *beats)
		require.True(t, p.ready())
	})
}

func TestAnAnswerThatComesTooLateVouchesForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		begun := time.Now()
		pass(lostAfter)
		p.confirm(begun)
		require.False(t, p.ready(), "what it saw is %s old", lostAfter)
		require.True(t, ended(p.lost()))
	})
}

func TestReadinessFollowsTheClockAndNotWhoTellsOfIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		p.confirm(time.Now())
		require.True(t, p.ready())
		pass(lostAfter)
		require.False(t, p.ready(), "even if nobody watches: a process that was stopped must not answer before it knows")
	})
}

func TestAnEtcdThatAnswersIsWaitedForLonger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		p.confirm(time.Now())
		for range int((behindAfter - time.Second) / time.Second) {
			pass(time.Second)
			p.heard(time.Now())
			require.True(t, p.ready(), "a long revision may be on its way")
		}
		pass(time.Second)
		p.heard(time.Now())
		require.False(t, p.ready(), "the view is stuck")
		p.confirm(time.Now())
		require.True(t, p.ready())
		pass(lostAfter)
		require.False(t, p.ready(), "etcd is silent")
	})
}

func TestAnAnswerAloneVouchesForNoView(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		p.heard(time.Now())
		require.False(t, p.ready())
		require.True(t, ended(p.lost()))
	})
}

func TestAPulseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := newPulse()
		go p.watch(ctx, func(bool) {})
		p.confirm(time.Now())
		synctest.Wait()
		lost := p.lost()
		require.True(t, p.ready())
		cancel()
		synctest.Wait()
		require.False(t, p.ready())
		require.True(t, ended(lost))
	})
}

// partitions are the ways in which etcd goes away.
var partitions = map[string]func(*etcdtest.Cable){
	"when the connection breaks":             (*etcdtest.Cable).Cut,
	"when the connection is open and silent": (*etcdtest.Cable).Stall,
}

func TestAnEngineWithoutEtcdIsUnreadyInSecondsAndReadyAfterwards(t *testing.T) {
	t.Parallel()
	for name, takeAway := range partitions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, server := withDeadline(t), etcdtest.Start(t)
			cable := server.Cable(t)
			near := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
			far := running(ctx, t, etcd.New(server.Dial(t, cable.Address), "/muster"), 1000)
			save(ctx, t, near, onWith("c1", "x"), on("c2"), app("v1", false))
			old := barrier(ctx, t, far)
			require.NoError(t, far.Ready())
			lost := far.Unready()

			takeAway(cable)
			began := time.Now()
			revision := save(ctx, t, near, app("v2", true))
			select {
			case <-lost.Done():
			case <-ctx.Done():
				require.Fail(t, "it never noticed")
			}
			require.LessOrEqual(t, time.Since(began), lostAfter+2*time.Second)
			err := far.Ready()
			require.ErrorIs(t, err, ErrNotReady)
			require.ErrorContains(t, err, "etcd lost")
			require.ErrorContains(t, err, "last error")
			require.ErrorContains(t, far.Reached(), "etcd last answered")
			require.NoError(t, near.Reached())
			v, err := far.Current()
			require.NoError(t, err)
			require.Equal(t, old.Revision, v.Revision)
			require.NoError(t, near.Ready(), "the other is well")
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			_, err = far.Barrier(short)
			require.Error(t, err, "whoever asks for the present gets no old view")

			cable.Mend()
			require.Eventually(t, func() bool { return far.Ready() == nil }, deadline/2, 10*time.Millisecond)
			v, err = far.Current()
			require.NoError(t, err)
			require.GreaterOrEqual(t, v.Revision, revision, "ready means that what was missed is in")
			require.Equal(t, told(barrier(ctx, t, near)), told(v))
			require.False(t, ended(far.Unready()))
		})
	}
}

// TestAnEngineThatIsStuckIsUnready: etcd answers, but the view does not follow.
func TestAnEngineThatIsStuckIsUnready(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := New(etcd.New(server.Client, "/muster"), Options{History: testLimits, LoadBehind: 1000})
	e.pulse.patience = 3 * time.Second
	started(ctx, t, e)
	barrier(ctx, t, e)
	require.NoError(t, e.Ready())
	e.state.Lock()
	_, err := server.Client.Put(ctx, "/muster/log/object/clusters/fleet/c1", "{}")
	require.NoError(t, err)
	<-e.Unready().Done()
	// The pulse that finds out may still be waiting when the last good one expires.
	require.Eventually(t, func() bool {
		err := e.Ready()
		require.ErrorIs(t, err, ErrNotReady)
		return e.pulse.failure.Load() != nil
	}, deadline/2, 10*time.Millisecond)
	require.ErrorContains(t, e.Ready(), "behind: at revision 1, etcd at 2")
	require.NoError(t, e.Reached(), "etcd answers")
	e.state.Unlock()
	require.Eventually(t, func() bool { return e.Ready() == nil }, deadline/2, 10*time.Millisecond)
}

func TestAnIdleEngineStaysReadyWhileOthersWrite(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	barrier(ctx, t, e)
	lost := e.Unready()
	ticks := time.NewTicker(20 * time.Millisecond)
	defer ticks.Stop()
	for until := time.Now().Add(lostAfter + time.Second); time.Now().Before(until); <-ticks.C {
		_, err := server.Client.Put(ctx, "/foreign", "x")
		require.NoError(t, err)
		require.NoError(t, e.Ready())
		require.False(t, ended(lost))
	}
}

func TestAnEngineThatStartsWithoutEtcdSaysSo(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	cable := server.Cable(t)
	cable.Stall()
	e := New(etcd.New(server.Dial(t, cable.Address), "/muster"), DefaultOptions())
	require.ErrorContains(t, e.Ready(), "warming up")
	e = running(ctx, t, e.log, 1000)
	require.Eventually(t, func() bool { return e.pulse.failure.Load() != nil }, deadline/2, 10*time.Millisecond)
	require.ErrorContains(t, e.Ready(), "etcd lost: it has not answered yet")
	require.ErrorContains(t, e.Reached(), "has not answered yet")
	cable.Mend()
	require.Eventually(t, func() bool { return e.Ready() == nil }, deadline/2, 10*time.Millisecond)
	require.NoError(t, e.Reached())
	require.ErrorContains(t, (&Engine{pulse: newPulse()}).Ready(), "etcd has not answered yet")
}
