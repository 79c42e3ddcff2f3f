// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/registry/kinds"
)

// kind holds test data of a stored kind.
type kind struct {
	*kinds.Kind
	// spec is a valid object without its metadata; other is a different one. Each is a JSON
	// merge patch of the other.
	spec, other map[string]any
	// status holds members that the status endpoint keeps; nil if the kind has no status.
	status map[string]any
}

type members = map[string]any

func in(member string, f members) members { return members{member: f} }

// specimens hold a valid object of every stored kind.
var specimens = map[string]kind{
	"bundles":                   {spec: in("spec", members{"namespace": "a"}), other: in("spec", members{"namespace": "b"}), status: members{"ociReference": "x"}},
	"bundlenamespacemappings":   {spec: in("bundleSelector", members{"matchLabels": map[string]any{"a": "b"}}), other: in("bundleSelector", members{"matchLabels": map[string]any{"a": "c"}})},
	"clusters":                  {spec: in("spec", members{"clientID": "a"}), other: in("spec", members{"clientID": "b"}), status: members{"agentPrivateRepoURL": "x"}},
	"clustergroups":             {spec: in("spec", members{"selector": map[string]any{"matchLabels": map[string]any{"a": "b"}}}), other: in("spec", members{"selector": map[string]any{"matchLabels": map[string]any{"a": "c"}}}), status: members{"conditions": groupConditions}},
	"clusterregistrations":      {spec: in("spec", members{"clientID": "a"}), other: in("spec", members{"clientID": "b"}), status: members{"clusterName": "x"}},
	"clusterregistrationtokens": {spec: in("spec", members{"ttl": "1h0m0s"}), other: in("spec", members{"ttl": "2h0m0s"}), status: members{"secretName": "x"}},
	"gitrepos":                  {spec: in("spec", members{"repo": "https://a"}), other: in("spec", members{"repo": "https://b"}), status: members{"commit": "x"}},
	"gitreporestrictions":       {spec: map[string]any{"defaultServiceAccount": "a"}, other: map[string]any{"defaultServiceAccount": "b"}},
	"helmops":                   {spec: in("spec", members{"namespace": "a"}), other: in("spec", members{"namespace": "b"}), status: members{"version": "x"}},
	"imagescans":                {spec: in("spec", members{"image": "a", "interval": "1m0s"}), other: in("spec", members{"image": "b"}), status: members{"latestTag": "x"}},
	"policies":                  {spec: in("gitRepo", members{"defaultServiceAccount": "a"}), other: in("gitRepo", members{"defaultServiceAccount": "b"})},
	"schedules":                 {spec: in("spec", members{"schedule": "0 0 1 * * *", "duration": "1h0m0s"}), other: in("spec", members{"duration": "2h0m0s"}), status: members{"active": true}},
}

// groupConditions are the conditions of an empty group whose status a client wrote.
// Everything else in its status is derived.
var groupConditions = []any{
	map[string]any{"type": "Audited", "status": "True"},
	map[string]any{"type": "Processed", "status": "True"},
	map[string]any{"type": "Ready", "status": "True"},
}

// facts returns an object's status without what follows from its spec.
func facts(o *unstructured.Unstructured) map[string]any {
	status, _, _ := unstructured.NestedMap(o.Object, "status")
	delete(status, "observedGeneration")
	return status
}

// forEachStoredKind runs a test for every kind that can be written.
func forEachStoredKind(t *testing.T, test func(t *testing.T, k kind, c dynamic.ResourceInterface)) {
	t.Helper()
	forEachStoredKindOf(t, shared(t), test)
}

// forEachStoredKindOf is forEachStoredKind on a given server.
func forEachStoredKindOf(t *testing.T, s *server, test func(t *testing.T, k kind, c dynamic.ResourceInterface)) {
	t.Helper()
	for _, row := range kinds.All() {
		if row.Computed || !row.Namespaced {
			continue
		}
		t.Run(row.Plural, func(t *testing.T) {
			t.Parallel()
			k, ok := specimens[row.Plural]
			if !ok {
				t.Fatalf("no specimen of %s", row.Plural)
			}
			k.Kind = row
			test(t, k, s.resource(t, row.Plural, fresh(t)))
		})
	}
}

// object returns a new object of the kind.
func (k kind) object(name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(k.spec)}
	o.SetGroupVersionKind(k.GroupVersionKind())
	o.SetName(name)
	return o
}

// changed returns the object with the other spec.
func (k kind) changed(o *unstructured.Unstructured) *unstructured.Unstructured {
	out := o.DeepCopy()
	for member, value := range runtime.DeepCopyJSON(k.other) {
		if to, ok := out.Object[member].(map[string]any); ok {
			maps.Copy(to, value.(map[string]any))
		} else {
			out.Object[member] = value
		}
	}
	return out
}

// reported returns the object with the status.
func (k kind) reported(o *unstructured.Unstructured) *unstructured.Unstructured {
	out := o.DeepCopy()
	status, _, _ := unstructured.NestedMap(out.Object, "status")
	if status == nil {
		status = map[string]any{}
	}
	maps.Copy(status, k.status)
	out.Object["status"] = status
	return out
}

// body returns what a client sets: everything but metadata and status.
func body(o *unstructured.Unstructured) map[string]any {
	out := maps.Clone(o.Object)
	delete(out, "metadata")
	delete(out, "status")
	return out
}

// requireHolds checks that an object has the members of another, at any depth.
func requireHolds(t *testing.T, want, have map[string]any) {
	t.Helper()
	for member, value := range want {
		if inner, ok := value.(map[string]any); ok {
			there, ok := have[member].(map[string]any)
			require.True(t, ok, "no member %s in %v", member, have)
			requireHolds(t, inner, there)
			continue
		}
		require.Equal(t, value, have[member], member)
	}
}

// kindNamed returns the kind of a resource.
func kindNamed(plural string) string { return kinds.ByResource(plural).Kind }
