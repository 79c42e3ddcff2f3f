// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const system = "muster-system"

// caFile passes for a CA certificate in a manifest.
const caFile = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"

// placeholder holds the addresses that artifacts/kustomize/server has in place of an
// operator's etcd.
var placeholder = []string{
	"https://etcd-0.etcd.muster-system.svc:2379",
	"https://etcd-1.etcd.muster-system.svc:2379",
	"https://etcd-2.etcd.muster-system.svc:2379",
}

const minimal = "etcd: {servers: ['https://10.0.0.11:2379']}\ntls: {certManager: {enabled: true}}\n"

func artifacts(t *testing.T, path ...string) string {
	t.Helper()
	return filepath.Join(append([]string{cluster.Checkout(t), "artifacts"}, path...)...)
}

func text(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(artifacts(t, path...))
	require.NoError(t, err)
	return string(b)
}

// manifests are the objects of a rendering, by kind, namespace and name.
type manifests map[string]*unstructured.Unstructured

func parse(t *testing.T, text string) manifests {
	t.Helper()
	objects := manifests{}
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		require.NoError(t, err, text)
		if len(object.Object) == 0 {
			continue
		}
		key := strings.Trim(fmt.Sprintf("%s %s/%s", object.GetKind(), object.GetNamespace(), object.GetName()), "/")
		require.NotContains(t, objects, key, "rendered twice")
		objects[key] = object
	}
}

// kustomization writes an overlay as an operator would, and returns its folder. Paths are
// those under artifacts/kustomize.
func kustomization(t *testing.T, resources, components []string) string {
	t.Helper()
	dir := cluster.Folder(t, "overlay")
	base, err := filepath.Rel(dir, artifacts(t, "kustomize"))
	require.NoError(t, err)
	text := "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n"
	for _, r := range resources {
		text += "- " + filepath.Join(base, r) + "\n"
	}
	if len(components) > 0 {
		text += "components:\n"
	}
	for _, c := range components {
		text += "- " + filepath.Join(base, "components", c) + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600))
	return dir
}

func kustomize(t *testing.T, dir string) string {
	t.Helper()
	stdout, stderr, err := run(t, cluster.Program(t, "kubectl"), "kustomize", dir)
	require.NoError(t, err, stderr)
	require.Empty(t, stderr, "kustomize warns")
	return stdout
}

// servers returns the objects of the kustomization with both programs.
func servers(t *testing.T) manifests {
	t.Helper()
	return parse(t, kustomize(t, kustomization(t, []string{"server"}, []string{"controller"})))
}

// chart renders the chart with these values, which are YAML.
func chart(t *testing.T, values string, flags ...string) string {
	t.Helper()
	stdout, stderr, err := tryChart(t, values, flags...)
	require.NoError(t, err, stderr)
	return stdout
}

func tryChart(t *testing.T, values string, flags ...string) (stdout, stderr string, err error) {
	t.Helper()
	args := append([]string{"template", "muster", artifacts(t, "helm", "muster"), "--namespace", system, "--values", valuesFile(t, values)}, flags...)
	return run(t, cluster.Program(t, "helm"), args...)
}

func valuesFile(t *testing.T, values string) string {
	t.Helper()
	// Not t.TempDir: helm ends a path at a comma, which the name of a case may contain.
	path := filepath.Join(cluster.Folder(t, "values"), "values.yaml")
	require.NoError(t, os.WriteFile(path, []byte(values), 0o600))
	return path
}

// run runs a program that keeps its files in a folder of the test. It has no cluster unless
// the arguments name one.
func run(t *testing.T, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	home := t.TempDir()
	command := exec.CommandContext(t.Context(), program, args...)
	command.Env = append(os.Environ(), "KUBECONFIG=/dev/null", "HOME="+home,
		"HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err = command.Run()
	return out.String(), errs.String(), err
}
