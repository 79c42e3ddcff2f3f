// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stats makes one number of many.
package stats

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Percentile is the smallest value that is not exceeded by more than the rest of the
// values: nearest rank, so that it is always one that was measured. Of nothing it is 0.
func Percentile(values []time.Duration, percent int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

// Median is the 50th percentile.
func Median(values []time.Duration) time.Duration { return Percentile(values, 50) }

// Ratio is a divided by b; not a number without b.
func Ratio[T time.Duration | int64 | float64](a, b T) float64 {
	if b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}

// Milliseconds is a time as a number and, with MS, as a text.
func Milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// MS is described with Milliseconds.
func MS(d time.Duration) string { return fmt.Sprintf("%.2f", Milliseconds(d)) }

// Times is a ratio as text; a dash without one.
func Times(ratio float64) string {
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return "–"
	}
	return fmt.Sprintf("%.2f", ratio)
}
