// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestDurationParsesWhatTheRuleAllows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		text string
		// want is the parsed span; fails is part of the error.
		want  time.Duration
		fails string
	}{
		{"zero needs no unit", "0", 0, ""},
		{"minutes", "15m", 15 * time.Minute, ""},
		{"a fraction", "1.5h", 90 * time.Minute, ""},
		{"a chain of units", "1h30m", 90 * time.Minute, ""},
		{"a chain need not be in order", "30m1h", 90 * time.Minute, ""},
		{"nanoseconds", "1ns", 1, ""},
		{"microseconds with the letter u", "2us", 2 * time.Microsecond, ""},
		{"microseconds with the micro sign", "2µs", 2 * time.Microsecond, ""},
		{"milliseconds", "3ms", 3 * time.Millisecond, ""},
		{"the longest", "2562047h", v1alpha1.MaxDuration, ""},
		{"32 characters", strings.Repeat("0", 31) + "s", 0, ""},
		{"32 characters of more bytes", strings.Repeat("1µs", 10) + "1s", time.Second + 10*time.Microsecond, ""},
		{"an empty text is not a duration", "", 0, "1 to 32 characters"},
		{"33 characters are too many", strings.Repeat("0", 32) + "s", 0, "1 to 32 characters"},
		{"a number does not begin with its point", ".5h", 0, "stands between digits"},
		{"a number does not end with its point", "1h1.m", 0, "stands between digits"},
		{"a word is not a duration", "often", 0, "invalid duration"},
		{"a minus is not allowed", "-5m", 0, "no sign"},
		{"a plus is not allowed", "+5m", 0, "no sign"},
		{"a sign is not allowed for zero either", "-0", 0, "no sign"},
		{"a sign is not allowed further on", "1h-5m", 0, "unknown unit"},
		{"a day is not a unit", "1d", 0, "unknown unit"},
		{"a unit in upper case is not a unit", "1H", 0, "unknown unit"},
		{"a number needs a unit", "15", 0, "missing unit"},
		{"only one zero needs no unit", "00", 0, "missing unit"},
		{"a unit needs a number", "m", 0, "invalid duration"},
		{"a space is not allowed", "1h 30m", 0, "unknown unit"},
		{"a line break is not allowed", "15m\n", 0, "unknown unit"},
		{"a nanosecond over the longest", "2562047h1ns", 0, "at most 2562047h"},
		{"an hour over the longest", "2562048h", 0, "invalid duration"},
		{"a chain over the longest", "2562046h61m", 0, "at most 2562047h"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := v1alpha1.Duration(tc.text).Duration()
			if tc.fails != "" {
				require.ErrorContains(t, err, tc.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

// TestDurationAgreesWithTheNotation compares Duration with the rule as a regular
// expression, over all short texts of an alphabet that has every unit and every way to go
// wrong.
func TestDurationAgreesWithTheNotation(t *testing.T) {
	t.Parallel()
	notation := regexp.MustCompile(`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`)
	letters := []string{"0", "7", ".", "n", "u", "µ", "m", "s", "h", "d", "-", "+", " "}
	valid := 0
	var check func(text string, left int)
	check = func(text string, left int) {
		_, err := v1alpha1.Duration(text).Duration()
		if matches := notation.MatchString(text); matches != (err == nil) {
			require.Failf(t, "differs from the notation", "%q: matches=%t, error %v", text, matches, err)
		}
		if err == nil {
			valid++
		}
		if left == 0 {
			return
		}
		for _, letter := range letters {
			check(text+letter, left-1)
		}
	}
	check("", 5)
	require.Greater(t, valid, 400, "texts that are durations")
}

// durationFields are all fields of the group that hold durations.
var durationFields = map[string][]string{
	"Cluster":                  {"status.garbageCollectionInterval"},
	"ClusterRegistrationToken": {"spec.ttl"},
	"GitRepo":                  {"spec.pollingInterval", "spec.imageScanInterval"},
	"HelmOp":                   {"spec.pollingInterval"},
	"ImageScan":                {"spec.interval"},
	"Schedule":                 {"spec.duration"},
}

func TestADurationIsReadBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	scheme := newScheme()
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for kind, paths := range durationFields {
		for _, path := range paths {
			steps := strings.Split(path, ".")
			for _, text := range []string{"0", "60s", "1.50h", "1h30m", "2µs", "", "often", "-5m"} {
				t.Run(kind+" "+path+" "+text, func(t *testing.T) {
					t.Parallel()
					written := field{steps: []step{{name: steps[0]}, {name: steps[1]}}}.document(kind, text)
					object, _, err := decoder.Decode(written, nil, nil)
					require.NoError(t, err, "malformed text is for validation to refuse, which names the field")
					duplicate := object.DeepCopyObject()
					require.True(t, equality.Semantic.DeepEqual(object, duplicate))
					answer, err := runtime.DefaultUnstructuredConverter.ToUnstructured(duplicate)
					require.NoError(t, err)
					got, found, err := unstructured.NestedString(answer, steps...)
					require.NoError(t, err)
					require.True(t, found, "%v", answer)
					require.Equal(t, text, got)
				})
			}
		}
	}
}

func TestADurationMustBeAString(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`15`, `true`, `{}`, `["15m"]`} {
		var token v1alpha1.ClusterRegistrationToken
		require.NoError(t, json.Unmarshal([]byte(`{"spec":{"ttl":`+text+`}}`), &token))
		require.Nil(t, token.Spec.TTL)
		refusals := token.Written.Refusals()
		require.Len(t, refusals, 1, text)
		require.Equal(t, "spec.ttl", refusals[0].Field, "validation names the field")
	}
}

func TestAnEmptyDurationIsNotAnAbsentOne(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]*v1alpha1.Duration{
		`{}`:         nil,
		`{"ttl":""}`: new(v1alpha1.Duration("")),
	} {
		answer, err := json.Marshal(v1alpha1.ClusterRegistrationTokenSpec{TTL: d})
		require.NoError(t, err)
		require.JSONEq(t, want, string(answer))
	}
}
