// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// workspace is a namespace with a GitRepo, its Bundles and a Cluster, and that Cluster's
// agent.
type workspace struct {
	name         string // of the namespace, and of the target namespace
	at           string // the namespace of the Cluster
	registration string // the ClusterRegistration of the agent
	agent        *cluster.Process
}

const (
	repo        = "app"
	clusterName = "north"
	commit      = "8f3c1d6b0e7a94c2d5f81b3e6a7092c4d8e1f5ab"
)

// newWorkspace creates a workspace, and starts an agent that registers.
func newWorkspace(t *testing.T, name string) *workspace {
	t.Helper()
	w := &workspace{name: name}
	ctx := t.Context()
	control.MakeNamespace(t, name)
	_, err := fleet.FleetV1alpha1().GitRepos(name).Create(ctx, &v1alpha1.GitRepo{
		ObjectMeta: metav1.ObjectMeta{Name: repo}, Spec: v1alpha1.GitRepoSpec{Repo: "https://git.example.com/app"},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = fleet.FleetV1alpha1().GitRepos(name).Patch(ctx, repo, types.MergePatchType,
		fmt.Appendf(nil, `{"status":{"commit":%q,"gitJobStatus":"Current"}}`, commit), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
	_, err = fleet.FleetV1alpha1().Clusters(name).Create(ctx, &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: clusterName}, Spec: v1alpha1.ClusterSpec{ClientID: w.clientID()},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w.invite(t)
	w.registered(t, "")
	return w
}

// bundle creates a Bundle of the GitRepo, for Clusters with env=prod. It is deployed into
// the namespace of the workspace unless its spec names another.
func (w *workspace) bundle(t *testing.T, name string, spec v1alpha1.BundleSpec) {
	t.Helper()
	if spec.DefaultNamespace == "" {
		spec.DefaultNamespace = w.name
	}
	spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}}}}
	_, err := fleet.FleetV1alpha1().Bundles(w.name).Create(t.Context(), &v1alpha1.Bundle{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelRepoName: repo, v1alpha1.LabelCommit: commit}}, Spec: spec,
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// blue deploys the Bundle app-config with a ConfigMap whose colour is blue, and waits until it
// is ready.
func (w *workspace) blue(t *testing.T, adjust func(spec *v1alpha1.BundleSpec)) {
	t.Helper()
	spec := v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{configMap("config", "colour", "blue")}}
	if adjust != nil {
		adjust(&spec)
	}
	w.bundle(t, "app-config", spec)
	w.label(t, new("prod"))
	w.waitState(t, "app-config", v1alpha1.Ready)
}

func (w *workspace) change(t *testing.T, name string, resources ...v1alpha1.BundleResource) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"resources": resources}})
	require.NoError(t, err)
	_, err = fleet.FleetV1alpha1().Bundles(w.name).Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)
}

// label sets the label env of the Cluster; nil removes it.
func (w *workspace) label(t *testing.T, env *string) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{"env": env}}})
	require.NoError(t, err)
	_, err = fleet.FleetV1alpha1().Clusters(w.name).Patch(t.Context(), clusterName, types.MergePatchType, patch, metav1.PatchOptions{})
	require.NoError(t, err)
}

func (w *workspace) pause(t *testing.T, paused bool) {
	t.Helper()
	_, err := fleet.FleetV1alpha1().Clusters(w.name).Patch(t.Context(), clusterName, types.MergePatchType,
		fmt.Appendf(nil, `{"spec":{"paused":%v}}`, paused), metav1.PatchOptions{})
	require.NoError(t, err)
}

func configMap(name, key, value string) v1alpha1.BundleResource {
	return v1alpha1.BundleResource{Name: name + ".yaml", Content: fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  %s: %q\n", name, key, value)}
}

func (w *workspace) waitData(t *testing.T, name, key, value string) {
	t.Helper()
	poll.Eventually(t, within, func(ctx context.Context) error {
		found, err := control.Client.CoreV1().ConfigMaps(w.name).Get(ctx, name, metav1.GetOptions{})
		if err == nil && found.Data[key] != value {
			err = fmt.Errorf("configmap %s holds %v instead of %s; %s", name, found.Data, value, w.agent.Tail())
		}
		return err
	})
}

func (w *workspace) waitGone(t *testing.T, name string) {
	t.Helper()
	poll.Eventually(t, within, func(ctx context.Context) error {
		_, err := control.Client.CoreV1().ConfigMaps(w.name).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, fmt.Errorf("configmap %s still exists; %s", name, w.agent.Tail()))
	})
}

func (w *workspace) waitState(t *testing.T, bundle string, state v1alpha1.BundleState) *v1alpha1.BundleDeployment {
	t.Helper()
	var bd *v1alpha1.BundleDeployment
	poll.Eventually(t, within, func(ctx context.Context) (err error) {
		bd, err = fleet.FleetV1alpha1().BundleDeployments(w.at).Get(ctx, bundle, metav1.GetOptions{})
		if err == nil && bd.Status.Display.State != string(state) {
			err = fmt.Errorf("%s is in state %s instead of %s: %+v; %s", bundle, bd.Status.Display.State, state, bd.Status, w.agent.Tail())
		}
		return err
	})
	return bd
}
