// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestAFreeFormObjectIsReadAsTheRestOfKubernetesReadsJSON(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		json string
		want map[string]any
	}{
		{"null holds nothing", `null`, nil},
		{"an empty object is empty and present", `{}`, map[string]any{}},
		{"an integer stays one", `{"a":1,"b":-9007199254740993}`, map[string]any{"a": int64(1), "b": int64(-9007199254740993)}},
		{"any other number is a float", `{"a":1.5,"b":1e3,"c":9223372036854775808}`, map[string]any{"a": 1.5, "b": 1e3, "c": 9223372036854775808.0}},
		{"members nest to any depth", `{"a":{"b":[{"c":[1,[2]]}]}}`, map[string]any{"a": map[string]any{"b": []any{map[string]any{"c": []any{int64(1), []any{int64(2)}}}}}}},
		{"a null below stays null", `{"a":null,"b":[null]}`, map[string]any{"a": nil, "b": []any{nil}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got v1alpha1.GenericMap
			require.NoError(t, json.Unmarshal([]byte(test.json), &got))
			require.Equal(t, test.want, got.Data)

			var oracle map[string]any
			require.NoError(t, utiljson.Unmarshal([]byte(test.json), &oracle))
			require.Equal(t, oracle, got.Data)
		})
	}
}

func TestAFreeFormObjectMustBeAnObject(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`"text"`, `1`, `true`, `[]`, `[{}]`} {
		var got v1alpha1.GenericMap
		require.ErrorContains(t, json.Unmarshal([]byte(text), &got), "takes a JSON object", text)
	}
}

func TestACopyOfAFreeFormObjectSharesNothing(t *testing.T) {
	t.Parallel()
	const text = `{"a":{"b":[{"c":1},[2]]},"d":[],"e":{},"f":null}`
	var original v1alpha1.GenericMap
	require.NoError(t, json.Unmarshal([]byte(text), &original))
	duplicate := original.DeepCopy()
	require.Equal(t, &original, duplicate)

	list := duplicate.Data["a"].(map[string]any)["b"].([]any)
	list[0].(map[string]any)["c"] = "changed"
	list[1].([]any)[0] = "changed"
	duplicate.Data["e"].(map[string]any)["new"] = true
	delete(duplicate.Data, "d")
	unchanged, err := json.Marshal(original)
	require.NoError(t, err)
	require.JSONEq(t, text, string(unchanged))

	require.Nil(t, (*v1alpha1.GenericMap)(nil).DeepCopy())
	require.Nil(t, (&v1alpha1.GenericMap{}).DeepCopy().Data, "nothing stays nothing")
	require.NotNil(t, (&v1alpha1.GenericMap{Data: map[string]any{}}).DeepCopy().Data, "empty stays empty")
}

func TestAFreeFormObjectSurvivesTheUnstructuredForm(t *testing.T) {
	t.Parallel()
	cluster := &v1alpha1.Cluster{}
	require.NoError(t, json.Unmarshal([]byte(`{"spec":{"templateValues":{"n":1,"f":1.5,"l":[{"x":null}]}}}`), cluster))
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(cluster)
	require.NoError(t, err)
	require.Equal(t, cluster.Spec.TemplateValues.Data, object["spec"].(map[string]any)["templateValues"])
	back := &v1alpha1.Cluster{}
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object, back, true))
	require.Equal(t, cluster.Spec, back.Spec)
}
