// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/replay"
)

// taker takes units of a budget in goroutines, and records the flows that got them, in
// order.
type taker struct {
	t      *testing.T
	budget *Budget
	mu     sync.Mutex
	got    []string
}

// take returns once the goroutine has the units or waits for them.
func (k *taker) take(flow string, units int64) (cancel context.CancelFunc) {
	ctx, cancel := context.WithCancel(k.t.Context())
	go func() {
		if k.budget.Take(ctx, flow, units) == nil {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.got = append(k.got, flow)
		}
	}()
	synctest.Wait()
	return cancel
}

func (k *taker) give(flow string, units int64) {
	k.budget.Give(flow, units)
	synctest.Wait()
}

func TestFlowsThatWaitAreServedInTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &taker{t: t, budget: NewBudget(1, 1)}
		k.take("first", 1)
		for range 3 {
			k.take("greedy", 1)
		}
		k.take("modest", 1)
		k.give("first", 1)
		for range 3 {
			k.give(k.got[len(k.got)-1], 1)
		}
		require.Equal(t, []string{"first", "greedy", "modest", "greedy", "greedy"}, k.got)
	})
}

func TestTheFlowThatWasChargedLeastIsNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &taker{t: t, budget: NewBudget(1, 1)}
		k.take("long", 1)
		for range 9 {
			k.take("long", 1)
			k.take("short", 1)
		}
		for range 15 {
			last := k.got[len(k.got)-1]
			if k.budget.charge(last, time.Millisecond); last == "long" {
				k.budget.charge(last, 4*time.Millisecond)
			}
			k.give(last, 1)
		}
		long := 0
		for _, flow := range k.got[:12] {
			if flow == "long" {
				long++
			}
		}
		require.InDelta(t, 2, long, 1, "each has half of the time: %v", k.got)
	})
}

func TestAnIdleFlowEarnsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &taker{t: t, budget: NewBudget(1, 1)}
		for range 10 {
			k.take("early", 1)
			k.budget.charge("early", time.Second)
			k.give("early", 1)
		}
		k.take("early", 1)
		for range 3 {
			k.take("late", 1)
			k.take("early", 1)
		}
		for range 5 {
			last := k.got[len(k.got)-1]
			k.budget.charge(last, time.Second)
			k.give(last, 1)
		}
		require.Equal(t, []string{"early", "late", "early", "late", "early", "late"}, k.got[len(k.got)-6:])
	})
}

func TestIdleFlowsAreForgotten(t *testing.T) {
	t.Parallel()
	b := NewBudget(1, 1)
	for i := range 10_000 {
		flow := fmt.Sprint(i)
		require.NoError(t, b.Take(t.Context(), flow, 1))
		b.charge(flow, time.Duration(i%7)*time.Millisecond)
		b.Give(flow, 1)
	}
	require.Less(t, len(b.flows), 4*fewFlows)
}

func TestNoFlowHoldsMoreThanItsShareAndOthersPassIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &taker{t: t, budget: NewBudget(4, 2)}
		for range 5 {
			k.take("greedy", 1)
		}
		k.take("modest", 1)
		require.Equal(t, []string{"greedy", "greedy", "modest"}, k.got)
	})
}

func TestALargeRequestIsNotOvertakenForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &taker{t: t, budget: NewBudget(4, 4)}
		for i := range 4 {
			k.take(fmt.Sprint("small", i), 1)
		}
		k.take("large", 4)
		k.take("later", 1)
		for i := range 4 {
			require.NotContains(t, k.got, "later")
			k.give(fmt.Sprint("small", i), 1)
		}
		require.Equal(t, "large", k.got[4])
		k.give("large", 4)
		require.Equal(t, "later", k.got[5])
	})
}

func TestARequestBeyondTheShareIsServedAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &taker{t: t, budget: NewBudget(4, 2)}
		k.take("huge", 100)
		k.take("huge", 1)
		k.take("other", 2)
		require.Equal(t, []string{"huge", "other"}, k.got)
		k.give("huge", 100)
		require.Equal(t, []string{"huge", "other", "huge"}, k.got)
	})
}

func TestAWaiterThatGivesUpDelaysNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &taker{t: t, budget: NewBudget(4, 4)}
		k.take("a", 3)
		cancel := k.take("large", 4)
		k.take("small", 1)
		require.Equal(t, []string{"a"}, k.got)
		cancel()
		synctest.Wait()
		require.Equal(t, []string{"a", "small"}, k.got)
		k.give("a", 3)
		k.give("small", 1)
		require.Empty(t, k.budget.flows)
		require.Zero(t, k.budget.used)
	})
}

// TestManyTakersStayWithinTheBudgetAndAllAreServed runs goroutines that take and give back
// at random. Some of them give up.
func TestManyTakersStayWithinTheBudgetAndAllAreServed(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	synctest.Test(t, func(t *testing.T) {
		const total, share, flows = 10, 6, 5
		b := NewBudget(total, share)
		var mu sync.Mutex
		held, sum := map[string]int64{}, int64(0)
		hold := func(flow string, units int64) {
			mu.Lock()
			defer mu.Unlock()
			held[flow] += units
			sum += units
			assert.LessOrEqual(t, held[flow], int64(share))
			assert.LessOrEqual(t, sum, int64(total))
		}
		var all sync.WaitGroup
		for range 500 {
			flow, units := fmt.Sprint(r.IntN(flows)), 1+r.Int64N(2*share)
			begin, lasts, patience := time.Duration(r.IntN(1000)), time.Duration(r.IntN(50)), time.Duration(r.IntN(100_000))
			all.Go(func() {
				<-time.After(begin)
				ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errImpatient)
				defer cancel()
				if err := b.Take(ctx, flow, units); err != nil {
					assert.ErrorIs(t, err, errImpatient)
					return
				}
				hold(flow, min(units, share))
				<-time.After(lasts)
				hold(flow, -min(units, share))
				b.Give(flow, units)
			})
		}
		all.Wait()
		require.Empty(t, b.flows)
		require.Empty(t, b.turns)
		require.Zero(t, b.used)
	})
}

var errImpatient = errors.New("it waited long enough")
