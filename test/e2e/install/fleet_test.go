// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// The oracle is kubectl's view of Fleet's kinds. The test is not parallel: see
// release_test.go.
func TestTheSecondStepIsRefusedBesideFleet(t *testing.T) {
	admin := control.Terminal(t, nil)
	definitions := control.Terminal(t, nil)
	definitions.Stdin = fleetDefinitions(t)
	step := secondStep(t)
	t.Cleanup(func() {
		_, _, err := admin.Kubectl("delete", "--ignore-not-found", "apiservice", "v1alpha1.fleet.cattle.io")
		require.NoError(t, err)
		deleteDefinitions(t, definitions)
	})
	said, err := preflight(t)
	require.NoError(t, err, said)
	require.Contains(t, said, "\nok: nothing else serves")

	t.Log("kubectl create does not replace an existing object")
	_, _, err = definitions.Kubectl("apply", "-f", "-")
	require.NoError(t, err)
	waitForKinds(t, true)
	_, stderr, err := admin.Kubectl("create", "--save-config", "-k", step)
	require.Error(t, err)
	require.Contains(t, stderr, "AlreadyExists")
	waitForKinds(t, true)
	said, err = preflight(t)
	require.Error(t, err)
	require.Contains(t, said, "bundles.fleet.cattle.io")
	require.Contains(t, said, "kubectl delete crd bundles.fleet.cattle.io clusters.fleet.cattle.io gitrepos.fleet.cattle.io")
	require.NotContains(t, said, "kubectl delete apiservice")

	t.Log("kubectl apply does some harm, and preflight knows the cure")
	_, _, err = admin.Kubectl("apply", "-k", step)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		service, _, err := admin.Kubectl("get", "apiservice", "v1alpha1.fleet.cattle.io", "-o", "jsonpath={.spec.service}")
		return err == nil && service == ""
	}, patience, 200*time.Millisecond, "kube-apiserver no longer restores its APIService: read install.md again")
	waitForKinds(t, false)
	said, err = preflight(t)
	require.Error(t, err)
	require.Contains(t, said, "kubectl delete apiservice v1alpha1.fleet.cattle.io")
	_, _, err = admin.Kubectl("delete", "apiservice", "v1alpha1.fleet.cattle.io")
	require.NoError(t, err)
	waitForKinds(t, true)

	t.Log("later definitions are hidden, and preflight finds them")
	deleteDefinitions(t, definitions)
	_, _, err = admin.Kubectl("create", "--save-config", "-k", step)
	require.NoError(t, err)
	_, _, err = definitions.Kubectl("apply", "-f", "-")
	require.NoError(t, err)
	said, err = preflight(t)
	require.Error(t, err)
	require.Contains(t, said, "hides CustomResourceDefinitions")
	require.Contains(t, said, "clusters.fleet.cattle.io")
}

// secondStep copies the example next to the original, as the page says, with a CA.
func secondStep(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{"example/apiservice/kustomization.yaml", "apiservice/kustomization.yaml", "apiservice/apiservice.yaml"} {
		to := filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o700))
		require.NoError(t, os.WriteFile(to, []byte(text(t, "kustomize", file)), 0o600))
	}
	step := filepath.Join(dir, "example", "apiservice")
	require.NoError(t, os.WriteFile(filepath.Join(step, "ca.crt"), cluster.NewCA("muster").PEM, 0o600))
	return step
}

// waitForKinds waits until a kubectl without a cache finds Fleet's kinds, or does not.
func waitForKinds(t *testing.T, there bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		found, _, err := control.Terminal(t, nil).Kubectl("api-resources", "--api-group=fleet.cattle.io", "-o", "name")
		return err == nil && there == (found != "")
	}, patience, 200*time.Millisecond)
}
