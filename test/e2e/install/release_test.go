// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

const patience = time.Minute

func helm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return run(t, cluster.Program(t, "helm"), append(args, "--kubeconfig", control.Kubeconfig(t, control.Config))...)
}

// These tests change the control plane for all others, so they are not parallel: Go runs
// the parallel ones after them.

func TestTheChartRefusesAClusterWithFleetAndNamesTheFix(t *testing.T) {
	kubectl := control.Terminal(t, nil)
	kubectl.Stdin = fleetDefinitions(t)
	t.Cleanup(func() { deleteDefinitions(t, kubectl) })
	_, _, err := kubectl.Kubectl("apply", "-f", "-")
	require.NoError(t, err)
	waitForAPIService(t, "v1alpha1.fleet.cattle.io")

	for name, how := range map[string][]string{"a dry run": {"--dry-run=server"}, "an install": nil} {
		stdout, stderr, err := helm(t, append([]string{"install", "muster", artifacts(t, "helm", "muster"), "--namespace", system, "--values", valuesFile(t, minimal)}, how...)...)
		require.Error(t, err, "%s: %s", name, stdout)
		for _, s := range []string{"bundles.fleet.cattle.io", "clusters.fleet.cattle.io", "Nothing has been changed", "Coming from Fleet", "install.md", "apiService.create=false"} {
			require.Contains(t, stderr, s, name)
		}
		require.NotContains(t, stderr, "contents.fleet.cattle.io", "that one does not exist")
	}
	made, _, err := kubectl.Kubectl("get", "deployments,services,serviceaccounts,secrets", "-n", system, "-l", "app.kubernetes.io/part-of=muster", "-o", "name")
	require.NoError(t, err)
	require.Empty(t, made, "objects were created")

	_, stderr, err := helm(t, "install", "muster", artifacts(t, "helm", "muster"), "--namespace", system,
		"--values", valuesFile(t, minimal), "--set", "apiService.create=false", "--dry-run=server")
	require.NoError(t, err, "the servers alone may run next to Fleet: %s", stderr)
}

func TestAReleaseIsInstalledUpgradedAndRemoved(t *testing.T) {
	kubectl := control.Terminal(t, nil)
	path := artifacts(t, "helm", "muster")
	values := valuesFile(t, minimal)
	t.Cleanup(func() {
		_, _, err := kubectl.Kubectl("delete", "--ignore-not-found", "apiservice", "v1alpha1.fleet.cattle.io")
		require.NoError(t, err)
	})

	stdout, stderr, err := helm(t, "install", "muster", path, "--namespace", system, "--values", values)
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "kubectl wait apiservice v1alpha1.fleet.cattle.io")
	waitForAPIService(t, "v1alpha1.fleet.cattle.io")

	_, stderr, err = helm(t, "upgrade", "muster", path, "--namespace", system, "--values", values, "--dry-run=server")
	require.NoError(t, err, "our own APIService is no reason to stop: %s", stderr)
	_, stderr, err = helm(t, "upgrade", "muster", path, "--namespace", system, "--values", values, "--set", "replicas=5")
	require.NoError(t, err, stderr)
	replicas, _, err := kubectl.Kubectl("get", "deployment", "muster-apiserver", "-n", system, "-o", "jsonpath={.spec.replicas}")
	require.NoError(t, err)
	require.Equal(t, "5", replicas)

	_, stderr, err = helm(t, "install", "another", path, "--namespace", "default", "--values", values, "--dry-run=server")
	require.Error(t, err, "a second Muster would take the group from the first")
	require.Contains(t, stderr, system+"/muster-apiserver")
	require.Contains(t, stderr, "default/muster-apiserver")

	_, stderr, err = helm(t, "uninstall", "muster", "--namespace", system)
	require.NoError(t, err, stderr)
	waitForAPIService(t, "")
	left, _, err := kubectl.Kubectl("get", "clusterroles,clusterrolebindings,flowschemas", "-l", "app.kubernetes.io/part-of=muster", "-o", "name")
	require.NoError(t, err)
	require.Empty(t, left)
}

// An uninstallation with kustomize leaves the agents' roles, which Helm does not own.
func TestAgentsRolesThatExistAreKeptIfTheyAreTheSame(t *testing.T) {
	kubectl := control.Terminal(t, nil)
	_, _, err := kubectl.Kubectl("apply", "-f", artifacts(t, "kustomize", "server", "roles-agents.yaml"))
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _, err := kubectl.Kubectl("delete", "clusterrole", "fleet-bundle-deployment", "fleet-content")
		require.NoError(t, err)
	})
	install := []string{"install", "muster", artifacts(t, "helm", "muster"), "--namespace", system, "--values", valuesFile(t, minimal), "--dry-run=server"}
	stdout, stderr, err := helm(t, install...)
	require.NoError(t, err, stderr)
	require.NotContains(t, stdout, "name: fleet-content")
	require.NotContains(t, stdout, "name: fleet-bundle-deployment")

	_, _, err = kubectl.Kubectl("patch", "clusterrole", "fleet-content", "--type=json", "-p", `[{"op": "add", "path": "/rules/0/verbs/-", "value": "list"}]`)
	require.NoError(t, err)
	_, stderr, err = helm(t, install...)
	require.Error(t, err, "helm must not leave a role with other rules")
	require.Contains(t, stderr, `ClusterRole "fleet-content"`)
	require.Contains(t, stderr, "cannot be imported")
	stdout, stderr, err = helm(t, append(install, "--take-ownership")...)
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "name: fleet-content")
	require.NotContains(t, stdout, "name: fleet-bundle-deployment")
}

func waitForAPIService(t *testing.T, name string) {
	t.Helper()
	kubectl := control.Terminal(t, nil)
	require.Eventually(t, func() bool {
		found, _, err := kubectl.Kubectl("get", "apiservice", "v1alpha1.fleet.cattle.io", "--ignore-not-found", "-o", "jsonpath={.metadata.name}")
		return err == nil && found == name
	}, patience, 200*time.Millisecond)
}

// deleteDefinitions deletes fleetDefinitions, the standard input of the terminal, and
// waits until their APIService is gone. No other APIService may hide them.
//
// It lists them first, because kube-apiserver starts the storage of a kind with the first
// request for it. If that is the deletion itself, kube-apiserver fails to list the objects,
// and sometimes forgets to try again for five minutes.
func deleteDefinitions(t *testing.T, definitions cluster.Terminal) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, _, err := control.Terminal(t, nil).Kubectl("get", "bundles,clusters,gitrepos", "-A")
		return err == nil
	}, patience, 200*time.Millisecond)
	_, _, err := definitions.Kubectl("delete", "--wait", "-f", "-")
	require.NoError(t, err)
	waitForAPIService(t, "")
}

// fleetDefinitions returns CustomResourceDefinitions of some of the group's kinds, with
// nearly empty schemas: only their presence counts.
func fleetDefinitions(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, plural := range []string{"bundles", "clusters", "gitrepos"} {
		kind := kinds.ByResource(plural)
		require.NotNil(t, kind)
		definition, err := yaml.Marshal(map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": plural + ".fleet.cattle.io"},
			"spec": map[string]any{
				"group": "fleet.cattle.io", "scope": "Namespaced",
				"names": map[string]any{"plural": plural, "singular": kind.Singular, "kind": kind.Kind},
				"versions": []any{map[string]any{
					"name": "v1alpha1", "served": true, "storage": true,
					"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
				}},
			},
		})
		require.NoError(t, err)
		all.WriteString("---\n" + string(definition))
	}
	return all.String()
}
