// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestValuesOfASecretAreSetInTheSpec(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spec string
		data map[string]string
		want string
		says string
	}{
		"the Bundle's, with what its helm options say": {
			spec: `{"helm":{"chart":"c"}}`, data: map[string]string{"values.yaml": `{"a":1}`},
			want: `{"helm":{"chart":"c","values":{"a":1}}}`,
		},
		"the Bundle's, in place of none": {
			spec: `{}`, data: map[string]string{"values.yaml": `{"a":{"b":["c"]}}`},
			want: `{"helm":{"values":{"a":{"b":["c"]}}}}`,
		},
		"in place of what is inline": {
			spec: `{"helm":{"values":{"old":1}}}`, data: map[string]string{"values.yaml": `{"a":1}`},
			want: `{"helm":{"values":{"a":1}}}`,
		},
		"all targets with the name, and no other": {
			spec: `{"targets":[{"name":"x"},{"name":"y"},{},{"name":"x","helm":{"chart":"c"}}]}`, data: map[string]string{"x": `{"a":1}`},
			want: `{"targets":[{"name":"x","helm":{"values":{"a":1}}},{"name":"y"},{},{"name":"x","helm":{"chart":"c","values":{"a":1}}}]}`,
		},
		"of no target":       {spec: `{"targets":[{"name":"x"}]}`, data: map[string]string{"z": `{"a":1}`}, want: `{"targets":[{"name":"x"}]}`},
		"null is none":       {spec: `{}`, data: map[string]string{"values.yaml": `null`}, want: `{}`},
		"empty is none":      {spec: `{}`, data: map[string]string{"values.yaml": ``}, want: `{}`},
		"an empty map stays": {spec: `{}`, data: map[string]string{"values.yaml": `{}`}, want: `{"helm":{"values":{}}}`},
		"a list":             {spec: `{}`, data: map[string]string{"x": `[1]`}, says: `the values under "x" are not a map`},
		"not JSON":           {spec: `{}`, data: map[string]string{"values.yaml": `{"a"`}, says: `the values under "values.yaml" are not a map`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var spec, want v1alpha1.BundleSpec
			require.NoError(t, json.Unmarshal([]byte(c.spec), &spec))
			before := asText(t, &spec)
			data := map[string][]byte{}
			for key, value := range c.data {
				data[key] = []byte(value)
			}
			got, err := WithValues(&spec, data)
			require.Equal(t, before, asText(t, &spec), "the given spec is not changed")
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal([]byte(c.want), &want))
			require.Equal(t, asText(t, &want), asText(t, got))
		})
	}
}

func asText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
