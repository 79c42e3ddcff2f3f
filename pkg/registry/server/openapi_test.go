// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry/server"
)

func TestDiscoveryListsTheGroup(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	for name, accept := range map[string]string{
		"in the old form":        "application/json",
		"in the aggregated form": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := discovery.NewDiscoveryClientForConfigAndClient(&rest.Config{Host: s.base}, &http.Client{Transport: asRoot{s.client.Transport, accept}})
			require.NoError(t, err)
			groups, resources, err := client.ServerGroupsAndResources()
			require.NoError(t, err)
			require.Len(t, groups, 1)
			require.Equal(t, "fleet.cattle.io", groups[0].Name)
			require.Equal(t, "fleet.cattle.io/v1alpha1", groups[0].PreferredVersion.GroupVersion)
			require.Len(t, resources, 1)
			require.Equal(t, "clusters", resources[0].APIResources[0].Name)
			require.Equal(t, "cluster", resources[0].APIResources[0].SingularName)
			require.Equal(t, "Cluster", resources[0].APIResources[0].Kind)
			require.True(t, resources[0].APIResources[0].Namespaced)
		})
	}
}

func TestOpenAPIDescribesExactlyTheServedAPI(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	const item = "/apis/fleet.cattle.io/v1alpha1/namespaces/{namespace}/clusters/{name}"
	want := []string{"application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"}

	v2 := s.do("GET", "/openapi/v2", "", nil)
	require.Equal(t, http.StatusOK, v2.code)
	require.NotContains(t, string(v2.body), "__internal")
	var swagger struct {
		Info  struct{ Title string }
		Paths map[string]struct{ Patch struct{ Consumes []string } }
	}
	require.NoError(t, json.Unmarshal(v2.body, &swagger))
	require.Equal(t, "Muster", swagger.Info.Title)
	require.ElementsMatch(t, want, swagger.Paths[item].Patch.Consumes)

	v3 := s.do("GET", "/openapi/v3/apis/fleet.cattle.io/v1alpha1", "", nil)
	require.Equal(t, http.StatusOK, v3.code)
	require.NotContains(t, string(v3.body), "__internal")
	var document struct {
		Info  struct{ Title string }
		Paths map[string]struct {
			Patch struct {
				RequestBody struct{ Content map[string]any }
			}
		}
		Components struct {
			Schemas map[string]struct {
				Kinds []struct{ Group, Version, Kind string } `json:"x-kubernetes-group-version-kind"`
			}
		}
	}
	require.NoError(t, json.Unmarshal(v3.body, &document))
	require.Equal(t, "Muster", document.Info.Title)
	require.ElementsMatch(t, want, slices.Collect(maps.Keys(document.Paths[item].Patch.RequestBody.Content)))
	found := false
	for name, schema := range document.Components.Schemas {
		for _, kind := range schema.Kinds {
			if kind.Kind == "Cluster" {
				found = true
				require.Equal(t, "fleet.cattle.io", kind.Group, name)
				require.Equal(t, "v1alpha1", kind.Version, name)
				require.Len(t, schema.Kinds, 1)
			}
		}
	}
	require.True(t, found, "no schema says that it is a Cluster")
}

func TestTheVersionIsKubernetesWithOursAdded(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	answer := s.do("GET", "/version", "", nil)
	require.Equal(t, http.StatusOK, answer.code)
	var info struct{ Major, Minor, GitVersion string }
	require.NoError(t, json.Unmarshal(answer.body, &info))
	require.Equal(t, "1", info.Major)
	require.Equal(t, "37", info.Minor)
	require.True(t, strings.HasPrefix(info.GitVersion, "v1.37.0+muster-"), info.GitVersion)
	_, err := version.ParseSemantic(info.GitVersion)
	require.NoError(t, err, "clients parse it")
	require.Equal(t, "1.37", server.NewConfig().EffectiveVersion.EmulationVersion().String())
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	require.Equal(t, http.StatusOK, s.do("GET", clusters, "", nil).code)
	answer := s.do("GET", "/metrics", "", nil)
	require.Equal(t, http.StatusOK, answer.code)
	require.Contains(t, string(answer.body), "apiserver_request_duration_seconds")
}
