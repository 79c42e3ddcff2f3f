// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Limit returns how many of count the first value that is set allows, or all of them if
// none is set (S 6.1). A percentage allows at least one. If count is 0, any value allows
// one.
func Limit(count int, values ...*intstr.IntOrString) (int, error) {
	if count <= 0 {
		return 1, nil
	}
	value := cmp.Or(values...)
	if value == nil {
		return count, nil
	}
	if value.Type == intstr.Int {
		return min(max(int(value.IntVal), 0), count), nil
	}
	// A number in quotes is not capped: a quirk of Fleet's, which shows in the status.
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

// Limited reports whether a strategy could hold a version back on some Cluster, for any
// number of Clusters. Such a strategy needs records of what was promoted. A strategy that
// does not parse holds everything back.
//
// The default of maxNew, 50, counts only if something else limits: a record for each
// BundleDeployment is too costly for what is created anyway.
func Limited(strategy *v1alpha1.RolloutStrategy) bool {
	if strategy == nil {
		return false
	}
	if len(strategy.Partitions) > 0 || strategy.MaxNew != nil || !everything(strategy.MaxUnavailable) {
		return true
	}
	// All members of each partition may be unavailable, so no partition stops the next one,
	// whatever the sizes. But the values must be valid.
	return !valid(strategy.AutoPartitionSize) || !valid(strategy.MaxUnavailablePartitions)
}

// everything reports whether a limit is 100 %, for any count.
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
