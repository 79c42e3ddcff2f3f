// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAStepThatIsOvertakenAgainAndAgainWaitsLonger(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		conflicts int
		took      time.Duration
		want      time.Duration
	}{
		{"the first time it is tried again at once", 1, 0, time.Millisecond},
		{"as late as the step took", 1, 7 * time.Millisecond, 7 * time.Millisecond},
		{"the first times are alike", patience, 7 * time.Millisecond, 7 * time.Millisecond},
		{"then it waits twice as long", patience + 1, 7 * time.Millisecond, 14 * time.Millisecond},
		{"and again", patience + 2, 7 * time.Millisecond, 28 * time.Millisecond},
		{"up to a maximum", 10_000, 7 * time.Millisecond, lastPause},
		{"or as long as it took", 10_000, time.Minute, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, afterConflicts(c.conflicts, c.took))
		})
	}
}
