// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	invalid := func(text string) string {
		return `spec.ttl: Invalid value: "` + text + `": ` + durationRule
	}
	for _, tc := range []struct {
		name string
		d    *v1alpha1.Duration
		want string
	}{
		{"no duration is accepted", nil, ""},
		{"zero is accepted", duration("0"), ""},
		{"minutes are accepted", duration("15m"), ""},
		{"a chain of units is accepted", duration("1h30m"), ""},
		{"a micro sign is accepted", duration("1µs"), ""},
		{"the largest number of hours is accepted", duration("2562047h"), ""},
		{"32 characters are accepted, however many bytes", duration(v1alpha1.Duration(strings.Repeat("1µs", 10) + "1s")), ""},
		{"an empty text is refused", duration(""), invalid("")},
		{"a word is refused", duration("often"), invalid("often")},
		{"a minus is refused", duration("-5m"), invalid("-5m")},
		{"a plus is refused", duration("+5m"), invalid("+5m")},
		{"days are refused", duration("1d"), invalid("1d")},
		{"more hours than the largest number are refused", duration("2562048h"), invalid("2562048h")},
		{"33 characters are refused, and not repeated", duration(v1alpha1.Duration(strings.Repeat("1", 32) + "s")), "spec.ttl: Too long: " + durationRule},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			errs := validateDuration(field.NewPath("spec", "ttl"), tc.d)
			if tc.want == "" {
				require.Empty(t, errs)
				return
			}
			require.Len(t, errs, 1)
			require.Equal(t, tc.want, errs[0].Error())
			require.Contains(t, errs[0].Error(), "must be a valid Go duration", "the text that clients look for (S 1.2)")
		})
	}
}

func TestRatchetExcusesOnlyTheSameInvalidDuration(t *testing.T) {
	t.Parallel()
	path := field.NewPath("spec", "ttl")
	long := v1alpha1.Duration(strings.Repeat("1", 40))
	old := validateDuration(path, &long)
	require.Len(t, old, 1)
	require.Empty(t, Ratchet(validateDuration(path, &long), old), "the value that was there already")
	require.Len(t, Ratchet(validateDuration(path, duration(long+"s")), old), 1, "another value that is too long")
	require.Len(t, Ratchet(validateDuration(path, duration("often")), old), 1, "another value that is malformed")
}
