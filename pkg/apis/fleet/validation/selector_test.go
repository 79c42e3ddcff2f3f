// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/test/replay"
)

// The oracle is the function that matching uses: a selector gets a warning if and only if
// it cannot be read.
func TestWarnSelectorAgreesWithTheSelectorParser(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	keys := []string{"env", "fleet.cattle.io/cluster", "a/b/c", "", "-x", "UPPER.io/x", strings.Repeat("k", 64), "with space"}
	values := []string{"prod", "", "-", "a b", strings.Repeat("v", 64), "v1.2", "é"}
	good, bad := 0, 0
	for range 20000 {
		s := &metav1.LabelSelector{}
		for range r.IntN(3) {
			if s.MatchLabels == nil {
				s.MatchLabels = map[string]string{}
			}
			s.MatchLabels[pick(keys[:2+r.IntN(len(keys)-1)]...)] = pick(values[:2+r.IntN(len(values)-1)]...)
		}
		for range r.IntN(3) {
			e := metav1.LabelSelectorRequirement{
				Key:      pick(keys[:2+r.IntN(len(keys)-1)]...),
				Operator: metav1.LabelSelectorOperator(pick("In", "NotIn", "Exists", "DoesNotExist", "", "in", "Gt", "Foo")),
			}
			for range r.IntN(3) {
				e.Values = append(e.Values, pick(values[:2+r.IntN(len(values)-1)]...))
			}
			s.MatchExpressions = append(s.MatchExpressions, e)
		}
		_, err := metav1.LabelSelectorAsSelector(s)
		var w warnings
		w.warnSelector(field.NewPath("s"), s)
		require.Equal(t, err != nil, len(w.list()) > 0, "selector %#v: parser says %v, warnings are %q", s, err, w.list())
		if err == nil {
			good++
		} else {
			bad++
		}
	}
	require.Greater(t, good, 1000, "too few selectors were readable to prove anything")
	require.Greater(t, bad, 1000, "too few selectors were unreadable to prove anything")
}

func TestWarnSelectorNamesTheFieldAndTheFix(t *testing.T) {
	t.Parallel()
	require := require.New(t)
	at := field.NewPath("spec", "selector")
	warn := func(s *metav1.LabelSelector) []string {
		var w warnings
		w.warnSelector(at, s)
		return w.list()
	}
	requirement := func(key, op string, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "ok", Operator: "Exists"},
			{Key: key, Operator: metav1.LabelSelectorOperator(op), Values: values},
		}}
	}
	require.Empty(warn(nil))
	require.Empty(warn(&metav1.LabelSelector{}))
	require.Empty(warn(requirement("env", "In", "prod", "")))
	require.Equal([]string{`spec.selector.matchExpressions[1]: operator "Foo" is not known; use In, NotIn, Exists or DoesNotExist`},
		warn(requirement("env", "Foo", "x")))
	require.Equal([]string{`spec.selector.matchExpressions[1]: operator NotIn needs values; add at least one, or use Exists or DoesNotExist`},
		warn(requirement("env", "NotIn")))
	require.Equal([]string{`spec.selector.matchExpressions[1]: operator Exists takes no values; remove them, or use In or NotIn`},
		warn(requirement("env", "Exists", "x")))
	require.Contains(warn(requirement("a b", "Exists"))[0], `spec.selector.matchExpressions[1].key: "a b" is not a label key: `)
	require.Contains(warn(requirement("env", "In", "ok", "a b"))[0], `spec.selector.matchExpressions[1].values[1]: "a b" is not a label value: `)
	two := warn(&metav1.LabelSelector{MatchLabels: map[string]string{"z z": "1", "b": "x y", "a": "ok"}})
	require.Len(two, 2)
	require.Contains(two[0], `spec.selector.matchLabels[b]: "x y" is not a label value: `, "keys are visited in order")
	require.Contains(two[1], `spec.selector.matchLabels: "z z" is not a label key: `)
}
