// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stats reduces many numbers to one.
package stats

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Percentile returns the value at a percentile by nearest rank, so it is always one of the
// measured values. Without values it returns 0.
func Percentile(values []time.Duration, percent int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

// Median returns the 50th percentile.
func Median(values []time.Duration) time.Duration { return Percentile(values, 50) }

// Ratio returns a divided by b; not a number if b is 0.
func Ratio[T time.Duration | int64 | float64](a, b T) float64 {
	if b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}

// Milliseconds returns a time as a number, and MS as text.
func Milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// MS is described with Milliseconds.
func MS(d time.Duration) string { return fmt.Sprintf("%.2f", Milliseconds(d)) }

// Times returns a ratio as text, or a dash if it is not a number.
func Times(ratio float64) string {
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return "–"
	}
	return fmt.Sprintf("%.2f", ratio)
}

// Column returns one of the times of each measurement.
func Column[T any](all []T, of func(T) time.Duration) []time.Duration {
	out := make([]time.Duration, len(all))
	for i, each := range all {
		out[i] = of(each)
	}
	return out
}
