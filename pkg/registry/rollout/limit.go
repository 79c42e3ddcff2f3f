// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Limit is what the first value that is set allows of count, 100 % if none is
// (S 6.1). A percentage allows at least one; so does any value of nothing.
func Limit(count int, values ...*intstr.IntOrString) (int, error) {
	if count <= 0 {
		return 1, nil
	}
	value := firstSet(values)
	if value == nil {
		return count, nil
	}
	if value.Type == intstr.Int {
		return min(max(int(value.IntVal), 0), count), nil
	}
	// A number in quotes is not capped: Fleet's own quirk, which status shows.
	if n, err := strconv.Atoi(value.StrVal); err == nil && n > 0 {
		return n, nil
	}
	percent, err := percentage(value.StrVal)
	if err != nil {
		return 0, err
	}
	if percent <= 0 {
		return 1, nil
	}
	if percent >= 100 {
		return count, nil
	}
	return max(int(float64(count)*percent)/100, 1), nil
}

func firstSet(values []*intstr.IntOrString) *intstr.IntOrString {
	for _, value := range values {
		if value != nil {
			return value
		}
	}
	return nil
}

func percentage(text string) (float64, error) {
	number, isPercentage := strings.CutSuffix(text, "%")
	if !isPercentage {
		return 0, fmt.Errorf("invalid maxUnavailable, must be int or percentage (ending with %%): %q", text)
	}
	percent, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(percent) {
		return 0, fmt.Errorf("invalid maxUnavailable, must be int or percentage (ending with %%): %q is not a number before the %%", text)
	}
	return percent, nil
}

// Limited tells whether a strategy could hold a version back on some Cluster, of
// however many: so it needs records of what was promoted. One that does not even
// parse holds everything back.
//
// The default of maxNew, 50, counts only where something else limits: what is
// created anyway is not worth a record each.
func Limited(strategy *v1alpha1.RolloutStrategy) bool {
	if strategy == nil {
		return false
	}
	if len(strategy.Partitions) > 0 || strategy.MaxNew != nil || !everything(strategy.MaxUnavailable) {
		return true
	}
	// All of each partition may be unavailable, so no partition stops the next one,
	// whatever the sizes; but they must make sense.
	return !valid(strategy.AutoPartitionSize) || !valid(strategy.MaxUnavailablePartitions)
}

// everything tells whether a limit is 100 %, of whatever count.
func everything(value *intstr.IntOrString) bool {
	if value == nil {
		return true
	}
	if value.Type == intstr.Int {
		return false
	}
	percent, err := percentage(value.StrVal)
	return err == nil && percent >= 100
}

func valid(value *intstr.IntOrString) bool {
	_, err := Limit(1, value)
	return err == nil
}
