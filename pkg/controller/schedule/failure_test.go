// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAnUnwritableScheduleDelaysNoOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "2026-03-01T21:59:58Z")
	w.refused.Store("bad")
	w.cluster("c1", on("a"))
	w.schedule("bad", 1, "0 0 22 * * *", "1h", "b")
	w.schedule("good", 1, "0 0 22 * * *", "1h", "a")
	w.is(are{"c1": "closed"})
	w.Eventually(func() bool { return w.refusals.Load() > 0 })
	w.passes("2026-03-01T22:00:00Z") // the first retry comes five seconds after the failure
	w.is(are{"c1": "open"})
	require.Nil(t, w.status("bad").Conditions)
	w.refused.Store("")
	w.passes("2026-03-01T22:01:00Z") // the last retry comes a minute after the one before it
	w.Eventually(func() bool { return w.status("bad").Conditions != nil })
}

func TestAFailingPassIsRetriedWithBackoff(t *testing.T) {
	t.Parallel()
	var have []time.Duration
	delay := time.Duration(0)
	for range 6 {
		delay = delayAfter(errors.New("no"), delay)
		have = append(have, delay)
	}
	require.Equal(t, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}, have)
	require.Zero(t, delayAfter(nil, delay))
}

func TestOnlyTheFirstOfManyFailuresAreReported(t *testing.T) {
	t.Parallel()
	var f failures
	f.add(nil)
	require.NoError(t, f.err())
	for i := range 1000 {
		f.add(fmt.Errorf("failure %d", i))
	}
	require.EqualError(t, f.err(), "failure 0\nfailure 1\nfailure 2\nfailure 3\nfailure 4\n995 more failures")
}
