// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

// The oracles are the merge of RFC 7396, written as in the RFC, and the patch that
// client-go makes for kubectl.
func TestAPatchTurnsOneObjectIntoTheOther(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 2000 {
		before, after := randomObject(r, 3), randomObject(r, 3)
		if r.IntN(2) == 0 {
			after = edited(r, before)
		}
		patch := upstream.DiffMaps(before, after)
		require.Equal(t, after, merged(before, patch), "before %v, patch %v", before, patch)
		require.Empty(t, upstream.DiffMaps(after, after))

		was, is := text(t, before), text(t, after)
		theirs, err := jsonmergepatch.CreateThreeWayJSONMergePatch(was, is, was)
		require.NoError(t, err)
		require.JSONEq(t, string(theirs), string(text(t, patch)))
	}
}

// merged implements MergePatch of RFC 7396.
func merged(target any, patch any) any {
	members, isObject := patch.(map[string]any)
	if !isObject {
		return patch
	}
	object, _ := target.(map[string]any)
	out := map[string]any{}
	maps.Copy(out, object)
	for key, value := range members {
		if value == nil {
			delete(out, key)
			continue
		}
		out[key] = merged(out[key], value)
	}
	return out
}

// randomObject returns an object without nulls, which a merge patch cannot express.
func randomObject(r *rand.Rand, depth int) map[string]any {
	out := map[string]any{}
	for range r.IntN(4) {
		out[string(rune('a'+r.IntN(4)))] = randomValue(r, depth-1)
	}
	return out
}

func randomValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(6); {
	case n < 2 && depth > 0:
		return randomObject(r, depth)
	case n == 2:
		return []any{float64(r.IntN(2)), "x"}
	case n == 3:
		return r.IntN(2) == 0
	case n == 4:
		return float64(r.IntN(3))
	}
	return string(rune('p' + r.IntN(3)))
}

// edited returns a copy of an object with a few changes.
func edited(r *rand.Rand, object map[string]any) map[string]any {
	out := maps.Clone(object)
	for key, value := range object {
		inner, isObject := value.(map[string]any)
		switch n := r.IntN(6); {
		case isObject && n < 4:
			out[key] = edited(r, inner)
		case n == 4:
			delete(out, key)
		case n == 5:
			out[key] = randomValue(r, 2)
		}
	}
	return out
}

func text(t *testing.T, object map[string]any) []byte {
	t.Helper()
	out, err := json.Marshal(object)
	require.NoError(t, err)
	return out
}

func TestAPatchOfAReportHoldsOnlyTheChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(bd *v1alpha1.BundleDeployment)
		want   string
	}{
		{"nothing", func(*v1alpha1.BundleDeployment) {}, ""},
		{"a field", func(bd *v1alpha1.BundleDeployment) { bd.Status.AppliedDeploymentID = "b" }, `{"status":{"appliedDeploymentID":"b"}}`},
		{"a field that is removed", func(bd *v1alpha1.BundleDeployment) { bd.Status.Ready = false }, `{"status":{"ready":null}}`},
		{"a list, which is sent whole", func(bd *v1alpha1.BundleDeployment) {
			bd.Status.Conditions = append(bd.Status.Conditions, v1alpha1.GenericCondition{Type: "Two"})
		}, `{"status":{"conditions":[{"type":"One"},{"type":"Two"}]}}`},
		{"values that were in a Secret, which are sent though no reader needs them", func(bd *v1alpha1.BundleDeployment) {
			bd.Spec.Options.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"a": int64(1)}}}
		}, `{"spec":{"options":{"helm":{"values":{"a":1}}}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			read := &v1alpha1.BundleDeployment{Status: v1alpha1.BundleDeploymentStatus{
				AppliedDeploymentID: "a", Ready: true, Conditions: []v1alpha1.GenericCondition{{Type: "One"}},
			}}
			wanted := read.DeepCopy()
			c.change(wanted)
			patch, err := upstream.Diff(read, wanted)
			require.NoError(t, err)
			if c.want == "" {
				require.Nil(t, patch)
				return
			}
			require.JSONEq(t, c.want, string(patch))
		})
	}
}
