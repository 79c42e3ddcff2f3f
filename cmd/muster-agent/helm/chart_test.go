// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

const config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\ndata:\n  text: \"{{ .Release.Name }}\"\n"

func files(pairs ...string) []v1alpha1.BundleResource {
	var out []v1alpha1.BundleResource
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, v1alpha1.BundleResource{Name: pairs[i], Content: pairs[i+1]})
	}
	return out
}

func TestABundleBecomesAChart(t *testing.T) {
	t.Parallel()
	const about = "apiVersion: v2\nname: greeter\nversion: 1.0.0\n"
	for _, c := range []struct {
		name      string
		resources []v1alpha1.BundleResource
		options   v1alpha1.BundleDeploymentOptions
		chart     string
		rendered  map[string]string
	}{
		{
			"a chart is used as it is", files("Chart.yaml", about, "templates/a.yaml", "name: {{ .Release.Name }}-{{ .Values.x }}", "values.yaml", "x: 1"),
			v1alpha1.BundleDeploymentOptions{},
			"greeter",
			map[string]string{"greeter/templates/a.yaml": "name: app-1"},
		},
		{
			"a chart in a folder is found", files("sub/Chart.yaml", about, "sub/templates/a.yaml", "a", "other.yaml", "b"),
			v1alpha1.BundleDeploymentOptions{},
			"greeter",
			map[string]string{"greeter/templates/a.yaml": "a"},
		},
		{
			"the options choose between two charts", files("one/Chart.yaml", about, "one/templates/a.yaml", "1", "two/Chart.yaml", about, "two/templates/a.yaml", "2"),
			v1alpha1.BundleDeploymentOptions{Helm: &v1alpha1.HelmOptions{Chart: "./two"}},
			"greeter",
			map[string]string{"greeter/templates/a.yaml": "2"},
		},
		{
			"manifests are not templates, and nothing but manifests is deployed", files("config.yaml", config, "README.md", "x", "fleet.yaml", "x", "dir/b.json", "{}"),
			v1alpha1.BundleDeploymentOptions{},
			"my-app",
			map[string]string{"my-app/templates/config.yaml": config, "my-app/templates/dir/b.json": "{}"},
		},
		{
			"an overlay replaces, if it is named", files("config.yaml", config, "overlays/prod/config.yaml", "prod", "overlays/dev/config.yaml", "dev"),
			v1alpha1.BundleDeploymentOptions{YAML: &v1alpha1.YAMLOptions{Overlays: []string{"prod"}}},
			"my-app",
			map[string]string{"my-app/templates/config.yaml": "prod"},
		},
		{
			"a file without a name has one", files("", "a: b"),
			v1alpha1.BundleDeploymentOptions{},
			"my-app",
			map[string]string{"my-app/templates/manifest-0.yaml": "a: b"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			made, err := makeChart("my.app", "s-1234", c.resources, &c.options)
			require.NoError(t, err)
			require.Equal(t, c.chart, made.Name())
			values, err := util.ToRenderValues(made, nil, common.ReleaseOptions{Name: "app"}, common.DefaultCapabilities)
			require.NoError(t, err)
			rendered, err := engine.Render(made, values)
			require.NoError(t, err)
			require.Equal(t, c.rendered, rendered)
		})
	}
}

func TestTheAgentRefusesUnsupportedBundles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		resource v1alpha1.BundleResource
		options  v1alpha1.BundleDeploymentOptions
		want     string
	}{
		{"kustomize", v1alpha1.BundleResource{Name: "a.yaml"}, v1alpha1.BundleDeploymentOptions{Kustomize: &v1alpha1.KustomizeOptions{}}, "kustomize"},
		{"a patch in an overlay", v1alpha1.BundleResource{Name: "overlays/x/a_patch.yaml"}, v1alpha1.BundleDeploymentOptions{YAML: &v1alpha1.YAMLOptions{Overlays: []string{"x"}}}, "patches with a_patch.yaml"},
		{"an unknown encoding", v1alpha1.BundleResource{Name: "a.yaml", Encoding: "rot13"}, v1alpha1.BundleDeploymentOptions{}, `resource a.yaml of the bundle: encoding "rot13" is not known`},
		{"damaged base64", v1alpha1.BundleResource{Name: "a.yaml", Encoding: "base64", Content: "?"}, v1alpha1.BundleDeploymentOptions{}, "illegal base64"},
		{"a chart that is invalid", v1alpha1.BundleResource{Name: "Chart.yaml", Content: "name: x"}, v1alpha1.BundleDeploymentOptions{}, "chart.metadata"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := makeChart("app", "s-1", []v1alpha1.BundleResource{c.resource}, &c.options)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestCompressedResourcesAreUnpacked(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err := w.Write([]byte(config))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for encoding, content := range map[string]string{
		"": config, "base64": base64.StdEncoding.EncodeToString([]byte(config)), "base64+gz": base64.StdEncoding.EncodeToString(zipped.Bytes()),
	} {
		got, err := decode(v1alpha1.BundleResource{Content: content, Encoding: encoding})
		require.NoError(t, err)
		require.Equal(t, config, string(got), encoding)
	}
}

func TestOptionsSetTheNamespaceAndNameOfARelease(t *testing.T) {
	t.Parallel()
	own := names.HelmReleaseName("my.app")
	for _, c := range []struct {
		options         v1alpha1.BundleDeploymentOptions
		namespace, name string
	}{
		{v1alpha1.BundleDeploymentOptions{}, "default", own},
		{v1alpha1.BundleDeploymentOptions{DefaultNamespace: "a"}, "a", own},
		{v1alpha1.BundleDeploymentOptions{DefaultNamespace: "a", TargetNamespace: "b", Helm: &v1alpha1.HelmOptions{ReleaseName: "r"}}, "b", "r"},
	} {
		namespace, name := Key("my.app", &c.options)
		require.Equal(t, c.namespace, namespace)
		require.Equal(t, c.name, name)
	}
}

func TestAllGoesIntoOneNamespaceOrNothingDoes(t *testing.T) {
	t.Parallel()
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, meta.RESTScopeNamespace)
	mapper.Add(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, meta.RESTScopeRoot)
	move := into{namespace: "there", mapper: mapper}
	out, err := move.Run(bytes.NewBufferString(config + "---\n---\nkind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: other, namespace: elsewhere}}\n"))
	require.NoError(t, err)
	objects, err := Objects(out.String())
	require.NoError(t, err)
	require.Len(t, objects, 2)
	for i, name := range []string{"config", "other"} {
		require.Equal(t, name, objects[i].GetName())
		require.Equal(t, "there", objects[i].GetNamespace())
	}
	_, err = move.Run(bytes.NewBufferString("apiVersion: v1\nkind: Namespace\nmetadata: {name: spare}\n"))
	require.ErrorContains(t, err, "Namespace spare belongs to no namespace")
}

func TestErrorsThatStay(t *testing.T) {
	t.Parallel()
	for text, stays := range map[string]bool{
		"timed out waiting for the condition":                                              true,
		"ConfigMap \"x\" is invalid: data: Forbidden: field is immutable when `immutable`": true,
		"chart requires kubeVersion: >= 9.0.0 which is incompatible":                       true,
		".date: field not declared in schema":                                              true,
		"YAML parse error on app/templates/a.yaml":                                         true,
		"connection refused":                                                               false,
		"namespaces \"x\" not found":                                                       false,
	} {
		require.Equal(t, stays, Final(errors.New(text)), text)
	}
	require.False(t, Final(nil))
}
