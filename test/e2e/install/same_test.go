// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// helmLabels name the release of an object; kustomize has no releases.
var helmLabels = []string{
	"app.kubernetes.io/instance",
	"app.kubernetes.io/managed-by",
	"app.kubernetes.io/version",
	"helm.sh/chart",
}

// onlyKustomize are objects that the chart does not make, with the reason.
var onlyKustomize = map[string]string{
	"Namespace /muster-system": "helm makes the namespace of a release by itself (--create-namespace) or finds it",
}

func TestTheChartAndTheKustomizationsMakeTheSameObjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		resources, components []string
		values                string
	}{
		{"the servers alone, with the defaults", []string{"server"}, []string{"aggregate-roles", "controller"}, "apiService: {create: false}"},
		{"no controller", []string{"server"}, []string{"aggregate-roles"}, "apiService: {create: false}\ncontroller: {enabled: false}"},
		{"no aggregated roles", []string{"server"}, []string{"controller"}, "apiService: {create: false}\nrbac: {aggregate: false}"},
		{
			"encryption, audit and tracing",
			[]string{"server"},
			[]string{"aggregate-roles", "controller", "encryption", "audit", "tracing"},
			"apiService: {create: false}\nencryption: {secretName: muster-encryption}\naudit: {configMapName: muster-audit}\ntracing: {configMapName: muster-tracing}",
		},
		{"a cluster inventory", []string{"server"}, []string{"aggregate-roles", "controller", "cluster-profiles"}, "apiService: {create: false}\ninventory: {clusterProfiles: {enabled: true}}"},
		{
			"encryption without a controller",
			[]string{"server"},
			[]string{"aggregate-roles", "encryption"},
			"apiService: {create: false}\ncontroller: {enabled: false}\nencryption: {secretName: muster-encryption}",
		},
		{
			"everything, with cert-manager",
			[]string{"server", "apiservice"},
			[]string{"aggregate-roles", "cert-manager", "cert-manager-ca", "controller", "fleet-metrics", "network-policy", "prometheus-rule", "service-monitor"},
			"tls: {certManager: {enabled: true}}\nnetworkPolicy: {enabled: true}\nserviceMonitor: {enabled: true, fleetMetrics: {enabled: true}}\nprometheusRule: {enabled: true}",
		},
		{
			"Fleet's programs for GitRepos and HelmOps",
			[]string{"server"},
			[]string{"aggregate-roles", "controller", "fleet-controllers"},
			"apiService: {create: false}\nfleetControllers: {enabled: true}",
		},
		{
			"Fleet's programs, also for agents",
			[]string{"server"},
			[]string{"aggregate-roles", "controller", "encryption", "fleet-controllers", "agents-by-fleet"},
			"apiService: {create: false}\nencryption: {secretName: muster-encryption}\nfleetControllers: {enabled: true}\nagents: {managedBy: fleet}",
		},
		{
			"beside Fleet's own chart",
			[]string{"server"},
			[]string{"aggregate-roles", "controller", "agents-by-fleet"},
			"apiService: {create: false}\nagents: {managedBy: fleet}",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			charted := chart(t, c.values+"\netcd: {servers: ['"+strings.Join(placeholder, "', '")+"']}")
			requireSame(t, parse(t, kustomize(t, kustomization(t, c.resources, c.components))), parse(t, charted))
		})
	}
}

// Each component is either used by the example or offered by a comment there, except those
// that belong to cert-manager and Prometheus.
func TestTheExampleOffersEveryComponent(t *testing.T) {
	t.Parallel()
	example := text(t, "kustomize", "example", "server", "kustomization.yaml")
	folders, err := os.ReadDir(artifacts(t, "kustomize", "components"))
	require.NoError(t, err)
	elsewhere := map[string]bool{"cert-manager": true, "cert-manager-ca": true, "service-monitor": true, "fleet-metrics": true, "prometheus-rule": true}
	for _, folder := range folders {
		offered := strings.Contains(example, "- ../../components/"+folder.Name()+"\n")
		require.Equal(t, !elsewhere[folder.Name()], offered, folder.Name())
	}
}

func TestTheExampleAndTheChartMakeTheSameObjects(t *testing.T) {
	t.Parallel()
	dir := cloned(t, "example")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "example", "apiservice", "ca.crt"), []byte(caFile), 0o600))
	want := parse(t, kustomize(t, filepath.Join(dir, "example", "server")))
	maps.Copy(want, parse(t, kustomize(t, filepath.Join(dir, "example", "apiservice"))))

	values := "etcd: {servers: ['https://10.0.0.11:2379', 'https://10.0.0.12:2379', 'https://10.0.0.13:2379']}\n" +
		"networkPolicy: {enabled: true}\nextraArgs: [--profiling=false]\nagents: {apiServerURL: 'https://kube.example.com:6443'}\n"
	ca := filepath.Join(t.TempDir(), "ca.crt")
	require.NoError(t, os.WriteFile(ca, []byte(caFile), 0o600))
	requireSame(t, want, parse(t, chart(t, values, "--set-file", "tls.caBundle="+ca)))
}

// cloned copies artifacts/kustomize, as an operator does to fill in an example.
func cloned(t *testing.T, needs string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.CopyFS(dir, os.DirFS(artifacts(t, "kustomize"))))
	require.DirExists(t, filepath.Join(dir, needs))
	return dir
}

func requireSame(t *testing.T, kustomized, charted manifests) {
	t.Helper()
	for name := range onlyKustomize {
		assert.NotContains(t, charted, name, "the chart makes it too")
		delete(kustomized, name)
	}
	assert.Equal(t, slices.Sorted(maps.Keys(kustomized)), slices.Sorted(maps.Keys(charted)))
	for name, want := range kustomized {
		got, ok := charted[name]
		if !ok {
			continue // named above
		}
		labels := got.GetLabels()
		for _, label := range helmLabels {
			assert.NotEmptyf(t, labels[label], "%s of the chart has no label %s", name, label)
			delete(labels, label)
		}
		got.SetLabels(labels)
		unkeep(got)
		unwrap(want)
		assert.Equal(t, want.Object, got.Object, name)
	}
}

// unwrap joins the lines that kustomize folds base64 into. To a decoder they are the same.
func unwrap(object *unstructured.Unstructured) {
	if bundle, found, _ := unstructured.NestedString(object.Object, "spec", "caBundle"); found {
		_ = unstructured.SetNestedField(object.Object, strings.ReplaceAll(bundle, "\n", ""), "spec", "caBundle")
	}
}

// unkeep removes the annotation that only helm knows.
func unkeep(object *unstructured.Unstructured) {
	annotations := object.GetAnnotations()
	delete(annotations, "helm.sh/resource-policy")
	if len(annotations) == 0 {
		annotations = nil
	}
	object.SetAnnotations(annotations)
}
