// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
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
	by := func(name string) runtime.Object {
		return apiServiceOf(map[string]any{"service": map[string]any{"namespace": "somewhere", "name": name}})
	}
	for _, c := range []struct {
		name  string
		there []runtime.Object
		taken bool
		// said and unsaid are in the text, or not in it.
		said, unsaid string
	}{
		{"no server", nil, false, "ok: nothing else serves fleet.cattle.io", "not ok"},
		{"Muster", []runtime.Object{by("muster-apiserver")}, false, "ok: nothing else serves fleet.cattle.io", "not ok"},
		{"another server", []runtime.Object{by("other")}, true, "not ok: the APIService v1alpha1.fleet.cattle.io sends clients to Service somewhere/other", "kubectl delete"},
		{"Fleet's definitions", []runtime.Object{local, definition("bundles", "fleet.cattle.io"), definition("things", "example.com")}, true, "kubectl delete crd bundles.fleet.cattle.io", "things.example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
				definitions: "CustomResourceDefinitionList",
				{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: "bundles"}: "BundleList",
			}, c.there...)
			var text strings.Builder
			err := checkCluster(t.Context(), client, func(format string, args ...any) { fmt.Fprintf(&text, format+"\n", args...) })
			if c.taken {
				require.ErrorIs(t, err, errTaken)
			} else {
				require.NoError(t, err)
			}
			require.Contains(t, text.String(), c.said)
			require.NotContains(t, text.String(), c.unsaid)
		})
	}
}
