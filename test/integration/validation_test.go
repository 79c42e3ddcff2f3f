// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry/kinds"
)

// warnings collects the warnings of a server.
type warnings struct {
	mu struct {
		sync.Mutex
		texts []string
	}
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.texts = append(w.mu.texts, text)
}

func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.mu.texts
	w.mu.texts = nil
	return out
}

var _ rest.WarningHandler = (*warnings)(nil)

func TestAnUnknownFieldIsTreatedAsTheClientAsks(t *testing.T) {
	t.Parallel()
	s := shared(t)
	forEachStoredKind(t, func(t *testing.T, k kind, _ dynamic.ResourceInterface) {
		warned := &warnings{}
		config := s.connection()
		config.WarningHandler = warned
		all, err := dynamic.NewForConfig(config)
		require.NoError(t, err)
		c := all.Resource(group.WithResource(k.Plural)).Namespace(fresh(t))
		odd := k.object("one")
		odd.Object["nonsense"] = "x"
		_, err = c.Create(t.Context(), odd, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
		require.True(t, apierrors.IsBadRequest(err), "%v", err)
		require.ErrorContains(t, err, `unknown field "nonsense"`)

		made, err := c.Create(t.Context(), odd, metav1.CreateOptions{FieldValidation: metav1.FieldValidationWarn})
		require.NoError(t, err)
		require.NotContains(t, made.Object, "nonsense", "an unknown field was not pruned")
		require.Contains(t, warned.take(), `unknown field "nonsense"`)

		odd.SetName("two")
		_, err = c.Create(t.Context(), odd, metav1.CreateOptions{FieldValidation: metav1.FieldValidationIgnore})
		require.NoError(t, err)
		require.NotContains(t, warned.take(), `unknown field "nonsense"`)

		patch := []byte(`{"nonsense":"x"}`)
		_, err = c.Patch(t.Context(), "one", types.MergePatchType, patch, metav1.PatchOptions{FieldValidation: metav1.FieldValidationStrict})
		require.True(t, apierrors.IsInvalid(err) || apierrors.IsBadRequest(err), "%v", err)
		same, err := c.Patch(t.Context(), "one", types.MergePatchType, patch, metav1.PatchOptions{FieldValidation: metav1.FieldValidationIgnore})
		require.NoError(t, err)
		require.Equal(t, made, same)
	})
}

func TestAnInvalidObjectIsRefusedAndLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	for title, c := range map[string]struct{ plural, body, says string }{
		"a GitRepo without a repo":            {"gitrepos", `{"spec":{}}`, "spec.repo"},
		"a release name that is too long":     {"bundles", `{"spec":{"helm":{"releaseName":"` + strings.Repeat("x", 54) + `"}}}`, "releaseName"},
		"a mode that does not exist":          {"bundles", `{"spec":{"targetCustomizationMode":"Some"}}`, "targetCustomizationMode"},
		"a label that is invalid":             {"clusters", `{"metadata":{"labels":{"a b":"c"}}}`, "metadata.labels"},
		"a label value that is too long":      {"clusters", `{"metadata":{"labels":{"a":"` + strings.Repeat("x", 64) + `"}}}`, "metadata.labels"},
		"a label value that is not a label's": {"clusters", `{"metadata":{"labels":{"a":"ä"}}}`, "metadata.labels"},
		"a text where a list belongs":         {"bundles", `{"spec":{"targets":"all"}}`, "targets"},
		"a list of values":                    {"bundles", `{"spec":{"helm":{"values":[1]}}}`, "spec.helm.values"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			client := s.resource(t, c.plural, ns)
			var object map[string]any
			require.NoError(t, json.Unmarshal([]byte(c.body), &object))
			made := &unstructured.Unstructured{Object: object}
			made.SetGroupVersionKind(kinds.ByResource(c.plural).GroupVersionKind())
			made.SetName("x")
			_, err := client.Create(t.Context(), made, metav1.CreateOptions{})
			require.Error(t, err)
			status, ok := err.(apierrors.APIStatus)
			require.True(t, ok)
			require.GreaterOrEqual(t, status.Status().Code, int32(400))
			require.Less(t, status.Status().Code, int32(500), "%v", err)
			require.ErrorContains(t, err, c.says)
			_, err = client.Get(t.Context(), "x", metav1.GetOptions{})
			require.True(t, apierrors.IsNotFound(err), "%v", err)
		})
	}
}
