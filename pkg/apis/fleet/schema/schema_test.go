// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestWrittenFormsAreReadBack(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, written, read string }{
		{"nothing stays nothing", `{}`, `{}`},
		{"an empty spec is not an absent one", `{"spec":{}}`, `{"spec":{}}`},
		{"zeros of all types", `{"spec":{"paused":false,"helm":{"chart":"","timeoutSeconds":0,"valuesFiles":[],"templateValues":{}}}}`, ""},
		{"a null that the schema has", `{"spec":{"rolloutStrategy":null,"helm":{"values":null}}}`, ""},
		{"a null that the schema does not have", `{"spec":{"paused":null,"helm":null,"targets":null}}`, `{"spec":{}}`},
		{"a null in a map", `{"spec":{"namespaceLabels":{"a":null,"b":""}}}`, `{"spec":{"namespaceLabels":{"b":""}}}`},
		{"a null in a free-form value", `{"spec":{"helm":{"values":{"a":null,"b":[null]}}}}`, ""},
		{"an integer with a fraction of zero", `{"spec":{"helm":{"maxHistory":3.0,"timeoutSeconds":1e2}}}`, `{"spec":{"helm":{"maxHistory":3,"timeoutSeconds":100}}}`},
		{"an unknown member", `{"spec":{"nonsense":1,"paused":false},"other":{}}`, `{"spec":{"paused":false}}`},
		{"zeros in lists of objects", `{"spec":{"targets":[{"clusterName":""},{"clusterSelector":{"matchLabels":{}}},{}]}}`, ""},
		{"bytes in another text", `{"spec":{"helmOpOptions":{"helmOpCABundle":"QR=="}}}`, ""},
		{"labels that are empty, as everywhere", `{"metadata":{"labels":{},"name":"a"}}`, `{"metadata":{"name":"a"}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var b v1alpha1.Bundle
			require.NoError(t, json.Unmarshal([]byte(tc.written), &b))
			require.Empty(t, b.Written.Refusals())
			want := tc.read
			if want == "" {
				want = tc.written
			}
			read := said(t, &b)
			require.JSONEq(t, want, read)

			var again v1alpha1.Bundle
			require.NoError(t, json.Unmarshal([]byte(read), &again))
			require.Equal(t, b.Written, again.Written, "an object that is read and written again stays the same")
			require.JSONEq(t, read, said(t, &again))
		})
	}
}

// said returns the JSON of a Bundle without its status and without empty metadata.
func said(t *testing.T, b *v1alpha1.Bundle) string {
	t.Helper()
	text, err := json.Marshal(b)
	require.NoError(t, err)
	var tree map[string]any
	require.NoError(t, json.Unmarshal(text, &tree))
	delete(tree, "status")
	if metadata, ok := tree["metadata"].(map[string]any); ok {
		delete(metadata, "creationTimestamp")
		if len(metadata) == 0 {
			delete(tree, "metadata")
		}
	}
	out, err := json.Marshal(tree)
	require.NoError(t, err)
	return string(out)
}

func TestAnObjectOfItsFieldsAloneHasNoForm(t *testing.T) {
	t.Parallel()
	b := v1alpha1.Bundle{}
	b.Spec.Paused = true
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterName: "a"}}}
	text, err := json.Marshal(&b)
	require.NoError(t, err)
	var again v1alpha1.Bundle
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, b, again)
}

func TestAProgramThatSetsAFieldIsNotOverruled(t *testing.T) {
	t.Parallel()
	var b v1alpha1.Bundle
	require.NoError(t, json.Unmarshal([]byte(`{"spec":{"paused":false,"serviceAccount":"","targets":[{"clusterName":""}],"dependsOn":null}}`), &b))
	b.Spec.Paused, b.Spec.ServiceAccount = true, "me"
	b.Spec.Targets = append([]v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterName: "new"}}}, b.Spec.Targets...)
	b.Spec.DependsOn = []v1alpha1.BundleRef{{Name: "other"}}
	require.JSONEq(t, `{"spec":{"paused":true,"serviceAccount":"me","targets":[{"clusterName":"new"},{}],"dependsOn":[{"name":"other"}]}}`, said(t, &b))
}

func TestAnUnreadableFormDoesNotHideItsObject(t *testing.T) {
	t.Parallel()
	b := v1alpha1.Bundle{Written: `["from another version"]`}
	b.Spec.Paused = true
	require.JSONEq(t, `{"spec":{"paused":true}}`, said(t, &b))
}

func TestRefusalsNameTheField(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		`{"spec":{"paused":"no"}}`:                                                       `spec.paused: Invalid value: "string": must be a boolean`,
		`{"spec":[]}`:                                                                    `spec: Invalid value: "array": must be an object`,
		`{"spec":{"resources":[null]}}`:                                                  `spec.resources[0]: Invalid value: "null": must be an object`,
		`{"spec":{"helm":{"valuesFiles":["a",1]}}}`:                                      `spec.helm.valuesFiles[1]: Invalid value: "integer": must be a string`,
		`{"spec":{"helm":{"maxHistory":2.5}}}`:                                           `spec.helm.maxHistory: Invalid value: "number": must be an integer`,
		`{"spec":{"helm":{"maxHistory":1e30}}}`:                                          `spec.helm.maxHistory: Invalid value: 1e+30: must be an integer of 64 bits`,
		`{"spec":{"rolloutStrategy":{"maxUnavailable":2147483648}}}`:                     `spec.rolloutStrategy.maxUnavailable: Invalid value: 2147483648: must be an integer of 32 bits, or a string`,
		`{"spec":{"helm":{"releaseName":""}}}`:                                           `spec.helm.releaseName: Invalid value: "": must not be empty; leave it out instead`,
		`{"spec":{"helm":{"values":[1]}}}`:                                               `spec.helm.values: Invalid value: "array": must be an object`,
		`{"spec":{"rolloutStrategy":{"maxNew":"many"}}}`:                                 `spec.rolloutStrategy.maxNew: Invalid value: "string": must be an integer`,
		`{"spec":{"allowedTargetNamespaceSelector":{"matchExpressions":[{"key":"a"}]}}}`: `spec.allowedTargetNamespaceSelector.matchExpressions[0].operator: Required value: set it`,
	} {
		var b v1alpha1.Bundle
		require.NoError(t, json.Unmarshal([]byte(written), &b), written)
		refusals := b.Written.Refusals()
		require.Len(t, refusals, 1, written)
		require.Equal(t, want, refusals[0].Error())
		_, err := json.Marshal(&b)
		require.NoError(t, err)
	}
}

func TestManyRefusalsAndLargeValuesMakeAShortAnswer(t *testing.T) {
	t.Parallel()
	var b v1alpha1.Bundle
	text := `{"spec":{"paused":"` + strings.Repeat("x", 1<<20) + `","resources":[` + strings.Repeat("null,", 10000) + `null]}}`
	require.NoError(t, json.Unmarshal([]byte(text), &b))
	refusals := b.Written.Refusals()
	require.Len(t, refusals, 50)
	for _, refusal := range refusals {
		require.Less(t, len(refusal.Error()), 200)
	}
}

func TestAStatusHasNoFormButItsRefusals(t *testing.T) {
	t.Parallel()
	var b v1alpha1.Bundle
	require.NoError(t, json.Unmarshal([]byte(`{"spec":{"paused":false},"status":{"unavailable":0,"conditions":[],"ociReference":7}}`), &b))
	rest, status := b.Written.Split("status")
	require.Empty(t, rest.Refusals())
	require.Len(t, status.Refusals(), 1)
	require.Equal(t, "status.ociReference", status.Refusals()[0].Field)
	b.Written = rest
	require.JSONEq(t, `{"spec":{"paused":false}}`, said(t, &b))
}

func TestUnknownMembersAreNamedInOrder(t *testing.T) {
	t.Parallel()
	var tree map[string]any
	require.NoError(t, json.Unmarshal([]byte(`{"z":1,"metadata":{"nome":"a"},"spec":{"targets":[{},{"klusterName":"a"}],"helm":{"values":{"free":1}}},"status":{"x":1}}`), &tree))
	require.Equal(t, []string{"metadata.nome", "spec.targets[1].klusterName", "status.x", "z"}, schema.Unknown(tree, reflect.TypeFor[v1alpha1.Bundle]()))
}

// FuzzUnmarshal searches for texts that are not read back as they were written, or that
// break the reader.
func FuzzUnmarshal(f *testing.F) {
	f.Add(`{"spec":{"paused":null,"targets":[{"helm":{"values":{"a":[0,null]}}}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var b, again v1alpha1.Bundle
		if json.Unmarshal([]byte(text), &b) != nil || len(b.Written.Refusals()) > 0 {
			return
		}
		read, err := json.Marshal(&b)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(read, &again))
		twice, err := json.Marshal(&again)
		require.NoError(t, err)
		require.Equal(t, string(read), string(twice))
	})
}
