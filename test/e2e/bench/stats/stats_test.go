// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentileIsAlwaysOneOfTheMeasuredValues(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	cases := []struct {
		name    string
		values  []time.Duration
		percent int
		want    time.Duration
	}{
		{"the median of a hundred is the fiftieth", hundred, 50, 50},
		{"p99 of a hundred is the last but one", hundred, 99, 99},
		{"the median of two is the smaller", []time.Duration{9, 3}, 50, 3},
		{"p99 of few is the largest", []time.Duration{9, 3, 5}, 99, 9},
		{"a single value is every percentile", []time.Duration{7}, 1, 7},
		{"without values it is zero", nil, 50, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, Percentile(c.values, c.percent))
		})
	}
	require.Equal(t, time.Duration(100), hundred[0], "Percentile must not sort its argument")
}

func TestARatioToZeroIsNaN(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 1.5, Ratio(3*time.Second, 2*time.Second), 1e-9)
	require.True(t, math.IsNaN(Ratio(time.Second, 0)))
	require.Equal(t, "–", Times(Ratio(1.0, 0)))
}
