// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package poll

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var errNotYet = errors.New("not yet")

func TestUntilTriesAgainAndReturnsTheLastError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		require.NoError(t, Until(t.Context(), time.Minute, func(context.Context) error {
			if tries++; tries < 3 {
				return errNotYet
			}
			return nil
		}))
		require.Equal(t, 3, tries)

		began := time.Now()
		err := Until(t.Context(), time.Minute, func(context.Context) error { return errNotYet })
		require.ErrorIs(t, err, errNotYet)
		require.ErrorContains(t, err, "not within 1m0s")
		require.Equal(t, time.Minute, time.Since(began))
	})
}

func TestUntilReturnsTheLastErrorBeforeTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		err := Until(t.Context(), time.Minute, func(ctx context.Context) error {
			if tries++; tries == 1 {
				return errNotYet
			}
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorIs(t, err, errNotYet)
	})
}

func TestUntilEndsWithTheContextAndWithAnErrorOfStop(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	require.ErrorIs(t, Until(ended, time.Hour, func(context.Context) error { return errNotYet }), errNotYet)
	require.Equal(t, errNotYet, Until(t.Context(), time.Hour, func(context.Context) error { return Stop(errNotYet) }))
}

// failing records the failure of Eventually.
type failing struct {
	T

	text string
	now  bool
}

func (f *failing) Errorf(_ string, args ...any) { f.text = args[0].(string) }
func (f *failing) FailNow()                     { f.now = true }

func TestEventuallyFailsWithTheErrorAndItsContext(t *testing.T) {
	t.Parallel()
	f := &failing{T: t}
	Eventually(f, time.Hour, func(context.Context) error { return nil })
	require.False(t, f.now)
	Eventually(f, time.Hour, func(context.Context) error { return Stop(errNotYet) }, func() string { return "the log" })
	require.True(t, f.now)
	require.Equal(t, "not yet; the log", f.text)
}
