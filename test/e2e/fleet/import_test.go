// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// bring creates a Cluster with a kubeconfig and waits until agentmanagement has imported it.
// It returns the Cluster and the values with which its agent registers.
func (w *workspace) bring(t *testing.T, name string) (*v1alpha1.Cluster, []byte) {
	t.Helper()
	kubeconfig, err := os.ReadFile(control.Kubeconfig(t, control.Config))
	require.NoError(t, err)
	_, err = control.Client.CoreV1().Secrets(w.name).Create(t.Context(), newSecret(w.name, name+"-kubeconfig", map[string][]byte{"value": kubeconfig}), metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = api.FleetV1alpha1().Clusters(w.name).Create(t.Context(), &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"env": "prod"}},
		Spec: v1alpha1.ClusterSpec{
			KubeConfigSecret: name + "-kubeconfig", AgentNamespace: w.agentNamespace(name),
			AgentEnvVars: []corev1.EnvVar{{Name: "HTTPS_PROXY", Value: "http://proxy.example.com"}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return w.waitImported(t, name)
}

// waitImported waits until agentmanagement has imported a Cluster. It returns what bring
// returns.
func (w *workspace) waitImported(t *testing.T, name string) (*v1alpha1.Cluster, []byte) {
	t.Helper()
	made := w.waitCluster(t, name, func(c *v1alpha1.Cluster) bool {
		return deployed(c) && conditionIs(c.Status.Conditions, imported, "True") && conditionIs(c.Status.Conditions, processed, "True") && conditionIs(c.Status.Conditions, reconciled, "True")
	})
	var values *corev1.Secret
	poll.Eventually(t, within, func(ctx context.Context) (err error) {
		values, err = control.Client.CoreV1().Secrets(agentNamespace(made)).Get(ctx, bootstrapSecret, metav1.GetOptions{})
		return err
	})
	return made, values.Data["values"]
}

func (w *workspace) agentNamespace(name string) string { return w.name + "-agent-" + name }

// agent starts a real agent with the values of a Cluster's import, and waits for its first
// heartbeat.
func (w *workspace) agent(t *testing.T, made *v1alpha1.Cluster, values []byte) *cluster.Process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, values, 0o600))
	agent := cluster.Run(t, "muster-agent", "--registration", file, "--client-id", made.Spec.ClientID, "--kubeconfig", control.Kubeconfig(t, control.Config),
		"--agent-namespace", agentNamespace(made), "--monitor-every", "1s", "--first-heartbeat", "100ms")
	poll.Eventually(t, within, func(ctx context.Context) error {
		found, err := api.FleetV1alpha1().Clusters(w.name).Get(ctx, made.Name, metav1.GetOptions{})
		if err == nil && found.Status.Agent.LastSeen.IsZero() {
			err = errors.New("the agent has sent no heartbeat; " + agent.Tail())
		}
		return err
	})
	return agent
}

// From an imported Cluster and a GitRepo to objects in the Cluster, and back.
func TestAGitRepoIsDeployedToAnImportedCluster(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "import")
	made, values := w.bring(t, "north")
	require.Equal(t, names.ClusterNamespace(w.name, "north"), made.Status.Namespace)
	w.agent(t, made, values)

	w.push("app", "c1", map[string]v1alpha1.BundleSpec{"one": configMap(w.name, "one", "blue"), "two": chart(w.name, "blue")})
	w.gitRepo(t, "app", nil)
	waitData(t, w.name, "one", "blue")
	waitData(t, w.name, "greeter", "blue")
	repo := w.waitReady(t, "app", "c1", "2/2")
	require.Equal(t, v1alpha1.ResourceCounts{Ready: 2, DesiredReady: 2}, repo.Status.ResourceCounts)
	require.Len(t, repo.Status.Resources, 2)
	require.Equal(t, 1, repo.Status.ReadyClusters)
	waitData(t, w.agentNamespace("north"), "fleet-agent-settings", "") // from the agent's own Bundle

	w.push("app", "c2", map[string]v1alpha1.BundleSpec{"two": chart(w.name, "green")})
	waitData(t, w.name, "greeter", "green")
	w.waitReady(t, "app", "c2", "1/1")
	w.waitNo(t, "configmaps", "one")
	shown := w.waitCluster(t, "north", func(c *v1alpha1.Cluster) bool { return c.Status.Display.ReadyBundles == "2/2" })
	require.Equal(t, 1, shown.Status.ReadyGitRepos)
	requireImported(t, shown)
	requireVerbatim(t, w, "north")

	// agentmanagement deploys an agent once.
	deployedAt := *shown.Status.AgentDeployedGeneration
	_, err := api.FleetV1alpha1().Clusters(w.name).Patch(t.Context(), "north", types.MergePatchType, []byte(`{"spec":{"redeployAgentGeneration":1}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 0, deployedAt)
	shown = w.waitCluster(t, "north", func(c *v1alpha1.Cluster) bool { return deployed(c) && *c.Status.AgentDeployedGeneration == 1 })
	requireImported(t, shown)

	require.NoError(t, api.FleetV1alpha1().GitRepos(w.name).Delete(t.Context(), "app", metav1.DeleteOptions{}))
	w.waitNo(t, "configmaps", "greeter")
	w.waitNo(t, "gitrepos.fleet.cattle.io", "app")
}

// requireImported checks that an agent's heartbeats and Muster's own fields have left what
// agentmanagement wrote, and that nothing of it is missing.
func requireImported(t *testing.T, c *v1alpha1.Cluster) {
	t.Helper()
	ca, err := hash(programs.Settings.APIServerCA)
	require.NoError(t, err)
	env, err := hash(c.Spec.AgentEnvVars)
	require.NoError(t, err)
	s := c.Status
	require.Equal(t, []string{ca, env, programs.Settings.APIServerURL, "system-store", c.Spec.AgentNamespace},
		[]string{s.APIServerCAHash, s.AgentEnvVarsHash, s.APIServerURL, s.AgentTLSMode, s.Agent.Namespace})
	require.True(t, deployed(c), describe(s))
	require.Equal(t, "15m0s", string(*s.GarbageCollectionInterval))
	for _, kind := range []string{imported, processed, reconciled, ready} {
		require.True(t, conditionIs(s.Conditions, kind, "True"), "%s: %+v", kind, s.Conditions)
	}
}

// requireVerbatim checks that the marks of an agent Bundle are as they were written, and
// that the Bundle was written once.
func requireVerbatim(t *testing.T, w *workspace, name string) {
	t.Helper()
	bundle, err := api.FleetV1alpha1().Bundles(w.name).Get(t.Context(), names.SafeConcat(agentBundle, name), metav1.GetOptions{})
	require.NoError(t, err)
	cluster, err := api.FleetV1alpha1().Clusters(w.name).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	want := newAgentBundle(cluster)
	marks, label := marksOf(w.name)
	want.Labels, want.Annotations = map[string]string{setHash: label}, marks
	applied, err := compressed(want)
	require.NoError(t, err)
	want.Annotations[setApplied] = applied
	require.Equal(t, want.Labels, bundle.Labels)
	require.Equal(t, want.Annotations, bundle.Annotations)
	want.Spec.TargetCustomizationMode = bundle.Spec.TargetCustomizationMode // a default of the schema
	is, err := json.Marshal(bundle.Spec)
	require.NoError(t, err)
	was, err := json.Marshal(want.Spec)
	require.NoError(t, err)
	require.JSONEq(t, string(was), string(is))
	require.EqualValues(t, 1, bundle.Generation)
}
