// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package encoding_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/server/encoding"
)

func TestAStrictReaderNamesUnknownAndRepeatedMembers(t *testing.T) {
	t.Parallel()
	const head = `"apiVersion":"fleet.cattle.io/v1alpha1","kind":"GitRepo"`
	read := map[string]runtime.Serializer{}
	for _, info := range encoding.Faster(newCodecs()).SupportedMediaTypes() {
		read[info.MediaType] = info.StrictSerializer
	}
	for _, tc := range []struct{ name, mediaType, text, says string }{
		{"what is known", runtime.ContentTypeJSON, `{` + head + `,"metadata":{"name":"a"},"spec":{"paused":false}}`, ""},
		{"an unknown member", runtime.ContentTypeJSON, `{` + head + `,"spec":{"pasued":true,"targets":[{"x":1}]}}`, `unknown field "spec.pasued", unknown field "spec.targets[0].x"`},
		{"an unknown member of the metadata", runtime.ContentTypeJSON, `{` + head + `,"metadata":{"nome":"a"}}`, `unknown field "metadata.nome"`},
		{"a repeated member", runtime.ContentTypeJSON, `{` + head + `,"spec":{"repo":"a","repo":"b"}}`, `duplicate field "spec.repo"`},
		{"YAML with an unknown member", runtime.ContentTypeYAML, "apiVersion: fleet.cattle.io/v1alpha1\nkind: GitRepo\nspec: {pasued: true}", `unknown field "spec.pasued"`},
		{"YAML with a repeated member", runtime.ContentTypeYAML, "apiVersion: fleet.cattle.io/v1alpha1\nkind: GitRepo\nspec:\n  repo: a\n  repo: b", `already set in map`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			object, _, err := read[tc.mediaType].Decode([]byte(tc.text), nil, nil)
			require.IsType(t, &v1alpha1.GitRepo{}, object, "%v", err)
			if tc.says == "" {
				require.NoError(t, err)
				return
			}
			require.True(t, runtime.IsStrictDecodingError(err), "%v", err)
			require.ErrorContains(t, err, tc.says)
		})
	}
}
