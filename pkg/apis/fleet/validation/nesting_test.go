// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// nested returns a value with one level around it for each call of wrap.
func nested(levels int, wrap func(v any, level int) any) *v1alpha1.GenericMap {
	var v any = "x"
	for level := range levels {
		v = wrap(v, level)
	}
	return &v1alpha1.GenericMap{Data: map[string]any{"a": v}}
}

func TestFreeFormValuesNestFiftyLevelsDeep(t *testing.T) {
	t.Parallel()
	objects := func(v any, _ int) any { return map[string]any{"a": v} }
	lists := func(v any, _ int) any { return []any{v} }
	both := func(v any, level int) any {
		if level%2 == 0 {
			return map[string]any{"a": v}
		}
		return []any{v}
	}
	for _, tc := range []struct {
		name   string
		values *v1alpha1.GenericMap
		taken  bool
	}{
		{"no values", nil, true},
		{"an empty object", &v1alpha1.GenericMap{}, true},
		{"50 objects", nested(50, objects), true},
		{"51 objects", nested(51, objects), false},
		{"51 lists, the first of which is not a level itself", nested(51, lists), true},
		{"52 lists", nested(52, lists), false},
		{"3,000 lists", nested(3000, lists), false},
		{"50 objects, each in a list", nested(100, both), true},
		{"51 objects, each in a list", nested(102, both), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			errs := validateNesting(field.NewPath("spec", "helm", "values"), tc.values)
			if tc.taken {
				require.Empty(t, errs)
				return
			}
			require.Len(t, errs, 1)
			require.Equal(t, "spec.helm.values: Forbidden: nests more than 50 levels deep; put what is below that into a string, or flatten it", errs[0].Error())
		})
	}
}
