// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/controller"
)

// failing fails at once each time, as an error, a panic or a return, and counts.
func failing(starts *atomic.Int64, how func() error) controller.LoopFunc {
	return func(context.Context) error {
		starts.Add(1)
		return how()
	}
}

func TestAFailedLoopIsRestartedAndStopsNoOther(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		how  func() error
	}{
		{"it returns an error", func() error { return errors.New("broken") }},
		{"it ends by itself", func() error { return nil }},
		{"it panics", func() error { panic("broken") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var starts, others, ends atomic.Int64
				m := controller.NewManager(controller.Options{})
				m.Add("bad", failing(&starts, c.how))
				m.Add("good", controller.LoopFunc(func(ctx context.Context) error {
					others.Add(1)
					<-ctx.Done()
					ends.Add(1)
					return ctx.Err()
				}))
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- m.Run(ctx) }()

				synctest.Wait()
				require.EqualValues(t, 1, starts.Load())
				require.NoError(t, m.Check(), "etcd may be electing a leader")

				<-time.After(time.Second)
				synctest.Wait()
				require.EqualValues(t, 3, starts.Load(), "after 0.2 and 0.4 s more")

				<-time.After(time.Hour)
				synctest.Wait()
				require.Greater(t, starts.Load(), int64(100))
				require.Less(t, starts.Load(), int64(150), "the delay grows to half a minute")
				require.ErrorContains(t, m.Check(), "controller bad fails")
				require.NotContains(t, m.Check().Error(), "good")
				require.EqualValues(t, 1, others.Load())

				cancel()
				require.NoError(t, <-done)
				require.EqualValues(t, 1, ends.Load(), "all have ended when Run returns")
				require.NoError(t, m.Check())
			})
		})
	}
}

func TestALoopThatRanForAWhileIsTrustedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var starts atomic.Int64
		lasts := 2 * time.Minute
		m := controller.NewManager(controller.Options{})
		m.Add("sometimes", controller.LoopFunc(func(ctx context.Context) error {
			starts.Add(1)
			select {
			case <-time.After(lasts):
			case <-ctx.Done():
			}
			return errors.New("broken")
		}))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		<-time.After(20*lasts + 10*time.Second)
		synctest.Wait()
		require.EqualValues(t, 21, starts.Load(), "each time after the first delay")
		require.NoError(t, m.Check())
		cancel()
		require.NoError(t, <-done)
	})
}

func TestAManagerWithoutLoopsWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- controller.NewManager(controller.Options{}).Run(ctx) }()
		synctest.Wait()
		require.Empty(t, done)
		cancel()
		require.NoError(t, <-done)
	})
}
