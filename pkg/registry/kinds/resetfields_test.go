// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

func reset(t *testing.T, sets map[fieldpath.APIVersion]*fieldpath.Set) []string {
	t.Helper()
	if len(sets) == 0 {
		return nil
	}
	require.Len(t, sets, 1)
	var members []string
	for p := range sets["fleet.cattle.io/v1alpha1"].All() {
		require.Len(t, p, 1, "only top-level members are reset")
		members = append(members, *p[0].FieldName)
	}
	return members
}

func TestResetFields(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	for _, tc := range []struct {
		name, plural string
		main, status []string
	}{{
		name: "a kind with a spec", plural: "bundles",
		main: []string{"status"}, status: []string{"metadata", "spec"},
	}, {
		name: "a kind with content at the top level", plural: "contents",
		main: []string{"status"}, status: []string{"metadata", "content", "sha256sum"},
	}, {
		name: "a kind with an endpoint for a status that it does not have", plural: "bundlenamespacemappings",
		main: []string{"status"}, status: []string{"metadata", "bundleSelector", "namespaceSelector", "status"},
	}, {
		name: "a kind without the endpoint", plural: "policies",
	}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			k := ByResource(tc.plural)
			require.ElementsMatch(t, tc.main, reset(t, k.Strategy(scheme).GetResetFields()))
			if k.StatusEndpoint {
				require.ElementsMatch(t, tc.status, reset(t, k.StatusStrategy(scheme).GetResetFields()))
			}
		})
	}
}

// The sets are passed to the mechanism that uses them: an apply through an endpoint does
// not own what the endpoint cannot write.
func TestApplyOwnsOnlyWhatItsEndpointWrites(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	owned := func(t *testing.T, k *Kind, endpoint string, sets map[fieldpath.APIVersion]*fieldpath.Set, body string) string {
		t.Helper()
		manager, err := managedfields.NewDefaultFieldManager(managedfields.NewDeducedTypeConverter(), scheme, scheme, scheme,
			k.GroupVersionKind(), v1alpha1.SchemeGroupVersion, endpoint, fieldpath.NewExcludeFilterSetMap(sets))
		require.NoError(t, err)
		live := k.New()
		live.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind())
		objectMeta(live).Name = "b"
		applied := &unstructured.Unstructured{}
		require.NoError(t, json.Unmarshal([]byte(body), &applied.Object))
		applied.SetGroupVersionKind(k.GroupVersionKind())
		result, err := manager.Apply(live, applied, "me", false)
		require.NoError(t, err)
		var fields string
		for _, f := range objectMeta(result).ManagedFields {
			fields += f.FieldsV1.GetRawString()
		}
		return fields
	}
	const body = `{"metadata":{"name":"b","labels":{"a":"b"}},"spec":{"paused":true},"status":{"ociReference":"r"}}`
	bundles := ByResource("bundles")
	require.JSONEq(t, `{"f:metadata":{"f:labels":{".":{},"f:a":{}}},"f:spec":{".":{},"f:paused":{}}}`,
		owned(t, bundles, "", bundles.Strategy(scheme).GetResetFields(), body))
	require.JSONEq(t, `{"f:status":{".":{},"f:ociReference":{}}}`, owned(t, bundles, "status", bundles.StatusStrategy(scheme).GetResetFields(), body))
	policies := ByResource("policies")
	require.JSONEq(t, `{"f:requireServiceAccount":{}}`,
		owned(t, policies, "", policies.Strategy(scheme).GetResetFields(), `{"metadata":{"name":"b"},"requireServiceAccount":true}`))
}

// Every member can be owned through some endpoint, and both reset only what neither may
// write.
func TestResetFieldsCoverTheObject(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	eachKind(t, func(t *testing.T, k *Kind) {
		if !k.StatusEndpoint {
			return
		}
		r := replay.Rand(t)
		main, status := reset(t, k.Strategy(scheme).GetResetFields()), reset(t, k.StatusStrategy(scheme).GetResetFields())
		for range 20 {
			raw, err := json.Marshal(filled(r, k))
			require.NoError(t, err)
			var tree map[string]any
			require.NoError(t, json.Unmarshal(raw, &tree))
			for member := range tree {
				switch member {
				case "apiVersion", "kind":
				case "status":
					require.Contains(t, main, member)
					require.NotContains(t, status, member)
				default:
					require.NotContains(t, main, member)
					require.Contains(t, status, member)
				}
			}
		}
	})
}
