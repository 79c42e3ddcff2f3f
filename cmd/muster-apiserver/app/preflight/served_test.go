// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

func unstructuredOf(apiVersion, kind, name string, spec map[string]any) runtime.Object {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec,
	}}
}

func apiServiceOf(spec map[string]any) runtime.Object {
	return unstructuredOf("apiregistration.k8s.io/v1", "APIService", "v1alpha1.fleet.cattle.io", spec)
}

func definition(plural, group string) runtime.Object {
	return unstructuredOf("apiextensions.k8s.io/v1", "CustomResourceDefinition", plural+"."+group,
		map[string]any{"group": group, "names": map[string]any{"plural": plural}})
}

func TestPreflightNamesTheServerOfTheGroup(t *testing.T) {
	t.Parallel()
	local := apiServiceOf(map[string]any{"group": "fleet.cattle.io"})
	by := func(namespace, name string) runtime.Object {
		return apiServiceOf(map[string]any{"service": map[string]any{"namespace": namespace, "name": name}})
	}
	bundles := definition("bundles", "fleet.cattle.io")
	for _, c := range []struct {
		name   string
		exist  []runtime.Object
		faults int
		// said and unsaid are in the text, or not in it.
		said, unsaid string
	}{
		{"no server", nil, 0, "ok: nothing else serves fleet.cattle.io", "not ok"},
		{"Muster", []runtime.Object{by("muster-system", "muster-apiserver")}, 0, "ok: nothing else serves fleet.cattle.io", "not ok"},
		{"Muster in another namespace", []runtime.Object{by("mine", "muster-apiserver")}, 1, "not ok: the APIService v1alpha1.fleet.cattle.io sends clients to Muster in namespace mine", "nothing else serves"},
		{"another server", []runtime.Object{by("somewhere", "other")}, 1, "not ok: the APIService v1alpha1.fleet.cattle.io sends clients to Service somewhere/other", "kubectl delete"},
		{"Fleet's definitions", []runtime.Object{local, bundles, definition("things", "example.com")}, 1, "kubectl delete crd bundles.fleet.cattle.io", "things.example.com"},
		{"Fleet's definitions, hidden", []runtime.Object{by("muster-system", "muster-apiserver"), bundles}, 1, "not ok: the APIService v1alpha1.fleet.cattle.io hides CustomResourceDefinitions: bundles.fleet.cattle.io", "delete crd"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, said := trial(t, c.exist...)
			p.checkGroup(t.Context())
			require.Equal(t, c.faults, p.faults, said)
			require.Equal(t, c.faults > 0, p.err() != nil)
			require.Contains(t, said.String(), c.said)
			require.NotContains(t, said.String(), c.unsaid)
		})
	}
}
