// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// announced holds what discovery says about one resource.
type announced struct {
	kind, singular string
	namespaced     bool
	verbs          []string
	categories     []string
}

// inventory returns what discovery has to announce, by resource and subresource.
func inventory() map[string]announced {
	all := map[string]announced{}
	for _, kind := range kinds.All() {
		verbs := []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
		status := []string{"get", "patch", "update"}
		switch {
		case kind.Plural == "contents":
			verbs, status = []string{"get", "list"}, nil
		case kind.Computed:
			verbs = []string{"get", "list", "watch"}
		case !kind.StatusEndpoint:
			status = nil
		}
		all[kind.Plural] = announced{kind.Kind, kind.Singular, kind.Namespaced, verbs, slices.Clone(kind.Categories)}
		if status != nil {
			all[kind.Plural+"/status"] = announced{kind: kind.Kind, namespaced: kind.Namespaced, verbs: status}
		}
	}
	return all
}

func TestDiscoveryAnnouncesEveryKindWithItsVerbs(t *testing.T) {
	t.Parallel()
	want := inventory()
	require.Len(t, kinds.All(), 14)

	t.Run("one list per version", func(t *testing.T) {
		t.Parallel()
		client, err := discovery.NewDiscoveryClientForConfig(control.Config)
		require.NoError(t, err)
		client.UseLegacyDiscovery = true
		list, err := client.ServerResourcesForGroupVersion("fleet.cattle.io/v1alpha1")
		require.NoError(t, err)
		got := map[string]announced{}
		for _, r := range list.APIResources {
			require.Empty(t, r.ShortNames, r.Name)
			got[r.Name] = announced{r.Kind, r.SingularName, r.Namespaced, r.Verbs, slices.Clone(r.Categories)}
		}
		require.Equal(t, want, got)
	})
	t.Run("all in one answer", func(t *testing.T) {
		t.Parallel()
		got := map[string]announced{}
		for _, group := range aggregatedDiscovery(t).Items {
			if group.Name != "fleet.cattle.io" {
				continue
			}
			require.Len(t, group.Versions, 1)
			require.Equal(t, apidiscoveryv2.DiscoveryFreshnessCurrent, group.Versions[0].Freshness)
			for _, r := range group.Versions[0].Resources {
				got[r.Resource] = announced{r.ResponseKind.Kind, r.SingularResource, r.Scope == apidiscoveryv2.ScopeNamespace, r.Verbs, slices.Clone(r.Categories)}
				for _, sub := range r.Subresources {
					got[r.Resource+"/"+sub.Subresource] = announced{kind: sub.ResponseKind.Kind, namespaced: r.Scope == apidiscoveryv2.ScopeNamespace, verbs: sub.Verbs}
				}
			}
		}
		require.Equal(t, want, got)
	})
	t.Run("kubectl prints it", func(t *testing.T) {
		t.Parallel()
		p := at(t, nil, metav1.NamespaceDefault)
		out := p.does(t, "api-resources", "--api-group=fleet.cattle.io", "-o", "wide", "--no-headers")
		plurals := []string{}
		for _, kind := range kinds.All() {
			plurals = append(plurals, kind.Plural)
			require.Regexp(t, `(?m)^`+kind.Plural+` +fleet\.cattle\.io/v1alpha1 +(true|false) +`+kind.Kind+` +`+strings.Join(want[kind.Plural].verbs, ",")+` *`+strings.Join(kind.Categories, ",")+`\s*$`, out)
		}
		require.ElementsMatch(t, plurals, words(out, 1))
		require.Equal(t, []string{"clustergroups.fleet.cattle.io", "gitrepos.fleet.cattle.io", "helmops.fleet.cattle.io"},
			words(p.does(t, "api-resources", "--categories=fleet", "-o", "name"), 1))
	})
}

// aggregatedDiscovery returns kube-apiserver's list of everything.
func aggregatedDiscovery(t cluster.T) apidiscoveryv2.APIGroupDiscoveryList {
	t.Helper()
	body := fetch(t, control.Config, "/apis", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
	var list apidiscoveryv2.APIGroupDiscoveryList
	require.NoError(t, json.Unmarshal(body, &list))
	return list
}

// freshness returns what the list of everything says about our version, or "" if it is
// missing there.
func freshness(t cluster.T) apidiscoveryv2.DiscoveryFreshness {
	t.Helper()
	for _, group := range aggregatedDiscovery(t).Items {
		if group.Name == "fleet.cattle.io" && len(group.Versions) > 0 {
			return group.Versions[0].Freshness
		}
	}
	return ""
}

// waitDiscovered waits until kube-apiserver has asked for Muster's discovery, which it does
// some time after it calls an APIService available.
func waitDiscovered(t cluster.T) {
	t.Helper()
	require.Eventually(t, func() bool { return freshness(t) == apidiscoveryv2.DiscoveryFreshnessCurrent }, 90*time.Second, tick, "discovery has our kinds")
}

func fetch(t cluster.T, config *rest.Config, path, accept string) []byte {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(config)
	require.NoError(t, err)
	body, err := client.RESTClient().Get().RequestURI(path).SetHeader("Accept", accept).DoRaw(t.Context())
	require.NoError(t, err, path)
	return body
}

func TestTheAggregationLayerHandsTablesOnUnchanged(t *testing.T) {
	t.Parallel()
	p := administrator(t)
	p.types(t, bundleFor("a", "env=test")+manifest("Cluster", "c", `"spec": {}`)+manifest("GitRepo", "g", `"spec": {"repo": "https://git.example.com/a"}`), "create", "-f", "-")
	const table = "application/json;as=Table;v=v1;g=meta.k8s.io"
	for _, kind := range kinds.All() {
		path := "/apis/fleet.cattle.io/v1alpha1/"
		if kind.Namespaced {
			path += "namespaces/" + p.namespace + "/"
		}
		// The two requests use one revision, so that the edits of other tests do not show.
		through, straight := metav1.Table{}, metav1.Table{}
		require.NoError(t, json.Unmarshal(fetch(t, control.Config, path+kind.Plural, table), &through))
		require.NoError(t, json.Unmarshal(fetch(t, muster.Direct(control.Config), path+kind.Plural, table), &straight))
		require.Equal(t, straight.ColumnDefinitions, through.ColumnDefinitions, kind.Plural)
		require.Len(t, through.ColumnDefinitions, 1+max(1, len(kind.Columns)), kind.Plural)
		if kind.Namespaced {
			require.Equal(t, straight.Rows, through.Rows, kind.Plural)
		}
	}
}

func TestOpenAPIOfTheClusterDocumentsEveryKind(t *testing.T) {
	t.Parallel()
	documents := map[string]struct{ path, schemas string }{
		"version 2": {"/openapi/v2", "definitions"},
		"version 3": {"/openapi/v3/apis/fleet.cattle.io/v1alpha1", "components"},
	}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var schemas map[string]documented
			waitFor(t, "kube-apiserver has merged Muster's OpenAPI", func() bool {
				schemas = map[string]documented{}
				whole := map[string]json.RawMessage{}
				if json.Unmarshal(fetch(t, control.Config, document.path, "application/json"), &whole) != nil {
					return false
				}
				part := whole[document.schemas]
				if document.schemas == "components" {
					components := map[string]json.RawMessage{}
					if json.Unmarshal(part, &components) != nil {
						return false
					}
					part = components["schemas"]
				}
				return json.Unmarshal(part, &schemas) == nil && len(byKind(schemas)) > 0
			})
			found := byKind(schemas)
			for _, kind := range kinds.All() {
				require.NotEmpty(t, found[kind.Kind].Description, kind.Kind)
				for property := range found[kind.Kind].Properties {
					require.NotEmpty(t, found[kind.Kind].Properties[property].Description, kind.Kind+"."+property)
				}
			}
		})
	}
}

type documented struct {
	Description string                `json:"description"`
	Properties  map[string]documented `json:"properties"`
	GVK         []struct {
		Group string `json:"group"`
		Kind  string `json:"kind"`
	} `json:"x-kubernetes-group-version-kind"`
}

func byKind(schemas map[string]documented) map[string]documented {
	found := map[string]documented{}
	for _, s := range schemas {
		for _, gvk := range s.GVK {
			if gvk.Group == "fleet.cattle.io" {
				found[gvk.Kind] = s
			}
		}
	}
	return found
}

func TestKubectlRefusesFieldsThatDoNotExist(t *testing.T) {
	t.Parallel()
	p := administrator(t)
	typo := manifest("Bundle", "typo", `"spec": {"tragets": []}`)
	require.Contains(t, p.typesAndIsRefused(t, typo, "create", "--validate=strict", "-f", "-"), `unknown field "spec.tragets"`)
	require.Contains(t, p.typesAndIsRefused(t, typo, "apply", "--server-side", "-f", "-"), "field not declared in schema")
	p.Stdin = typo
	_, warnings, err := p.Kubectl(p.in([]string{"create", "--validate=warn", "-f", "-"})...)
	require.NoError(t, err)
	require.Contains(t, warnings, `Warning: unknown field "spec.tragets"`)
}
