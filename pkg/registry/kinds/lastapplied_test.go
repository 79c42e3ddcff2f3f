// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestAnObjectThatIsTooLargeForKubectlApplyIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	const advice = "kubectl apply --server-side"
	large := strings.Repeat("x", 256<<10)
	cases := []struct {
		name        string
		annotations map[string]string
		refused     bool // by the REST layer or by this package
		advised     bool
	}{
		{"a small object", map[string]string{corev1.LastAppliedConfigAnnotation: "x"}, false, false},
		{"a large one", map[string]string{corev1.LastAppliedConfigAnnotation: large}, true, true},
		{"a copy that only the others make too large", map[string]string{corev1.LastAppliedConfigAnnotation: large[:200<<10], "a": large[:100<<10]}, true, true},
		{"a large annotation of another tool", map[string]string{"a": large}, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := ByResource("bundles").Strategy(typer(t))
			obj := &v1alpha1.Bundle{}
			obj.Name, obj.Namespace, obj.Annotations = "a", "b", c.annotations
			created := s.Validate(t.Context(), obj).ToAggregate()
			updated := s.ValidateUpdate(t.Context(), obj, &v1alpha1.Bundle{}).ToAggregate()
			if c.refused {
				require.ErrorContains(t, created, "metadata.annotations")
			} else {
				require.NoError(t, created)
			}
			if c.advised {
				require.ErrorContains(t, created, advice)
				require.ErrorContains(t, updated, advice)
				return
			}
			require.NoError(t, updated)
			if created != nil {
				require.NotContains(t, created.Error(), advice)
			}
		})
	}
}
