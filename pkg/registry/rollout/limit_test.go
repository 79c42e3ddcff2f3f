// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

func number(n int32) *intstr.IntOrString { return new(intstr.FromInt32(n)) }

func text(s string) *intstr.IntOrString { return new(intstr.FromString(s)) }

func TestTheFirstValueThatIsSetDecidesALimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		count  int
		values []*intstr.IntOrString
		want   int
	}{
		{"of 0, one", 0, []*intstr.IntOrString{number(5)}, 1},
		{"of less than 0, one", -3, []*intstr.IntOrString{text("nonsense")}, 1},
		{"all without a value", 7, nil, 7},
		{"all with values that are not set", 7, []*intstr.IntOrString{nil, nil}, 7},
		{"the second if the first is not set", 7, []*intstr.IntOrString{nil, number(2)}, 2},
		{"the first if both are set", 7, []*intstr.IntOrString{number(3), number(2)}, 3},
		{"a number", 7, []*intstr.IntOrString{number(3)}, 3},
		{"a number above the count is the count", 7, []*intstr.IntOrString{number(8)}, 7},
		{"none", 7, []*intstr.IntOrString{number(0)}, 0},
		{"a negative number is none", 7, []*intstr.IntOrString{number(-1)}, 0},
		{"a number in quotes", 7, []*intstr.IntOrString{text("3")}, 3},
		{"a number in quotes above the count is not capped", 7, []*intstr.IntOrString{text("12")}, 12},
		{"a percentage, rounded down", 37, []*intstr.IntOrString{text("10%")}, 3},
		{"a percentage that is less than one is one", 7, []*intstr.IntOrString{text("10%")}, 1},
		{"a percentage of exactly one", 10, []*intstr.IntOrString{text("10%")}, 1},
		{"a fraction of a percentage", 1000, []*intstr.IntOrString{text("0.25%")}, 2},
		{"a fraction is cut before it is divided", 3, []*intstr.IntOrString{text("66.6%")}, 1},
		{"no per cent is one", 7, []*intstr.IntOrString{text("0%")}, 1},
		{"a negative percentage is one", 7, []*intstr.IntOrString{text("-50%")}, 1},
		{"100 % is all", 7, []*intstr.IntOrString{text("100%")}, 7},
		{"more than 100 % is all", 7, []*intstr.IntOrString{text("250%")}, 7},
		{"a percentage beyond all numbers is all", 7, []*intstr.IntOrString{text("1e300%")}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := rollout.Limit(c.count, c.values...)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestALimitThatIsNotANumberIsAnError(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "0", "-1", "five", "5 %x", "%", "x%", "NaN%", "1.5"} {
		_, err := rollout.Limit(7, text(bad))
		require.ErrorContains(t, err, "invalid maxUnavailable, must be int or percentage (ending with %)", bad)
	}
}

func TestAStrategyLimitsIfItCouldHoldSomethingBack(t *testing.T) {
	t.Parallel()
	fifty, none := 50, 0
	for _, c := range []struct {
		name string
		in   *v1alpha1.RolloutStrategy
		want bool
	}{
		{"none", nil, false},
		{"an empty one", &v1alpha1.RolloutStrategy{}, false},
		{"100 % of all", &v1alpha1.RolloutStrategy{MaxUnavailable: text("100%")}, false},
		{"more than all", &v1alpha1.RolloutStrategy{MaxUnavailable: text("120%")}, false},
		{"99.9 %", &v1alpha1.RolloutStrategy{MaxUnavailable: text("99.9%")}, true},
		{"a number, because more Clusters may come", &v1alpha1.RolloutStrategy{MaxUnavailable: number(1_000_000)}, true},
		{"a number in quotes", &v1alpha1.RolloutStrategy{MaxUnavailable: text("9")}, true},
		{"an invalid one", &v1alpha1.RolloutStrategy{MaxUnavailable: text("many")}, true},
		{"manual partitions", &v1alpha1.RolloutStrategy{Partitions: []v1alpha1.Partition{{Name: "a"}}}, true},
		{"a number of new ones", &v1alpha1.RolloutStrategy{MaxNew: &fifty}, true},
		{"no new ones", &v1alpha1.RolloutStrategy{MaxNew: &none}, true},
		{"the size of partitions that cannot be over their limit", &v1alpha1.RolloutStrategy{AutoPartitionSize: text("10%"), AutoPartitionThreshold: &fifty}, false},
		{"an invalid size", &v1alpha1.RolloutStrategy{AutoPartitionSize: text("some")}, true},
		{"a number of partitions that cannot be over their limit", &v1alpha1.RolloutStrategy{MaxUnavailablePartitions: number(3)}, false},
		{"an invalid number of partitions", &v1alpha1.RolloutStrategy{MaxUnavailablePartitions: text("some")}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, rollout.Limited(c.in))
		})
	}
}
