// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/poll"
)

func TestDriftIsCorrectedIfTheBundleAsksForIt(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "corrected")
	w.blue(t, func(spec *v1alpha1.BundleSpec) { spec.CorrectDrift = &v1alpha1.CorrectDrift{Enabled: true} })
	w.paint(t, "red")
	w.waitData(t, "config", "colour", "blue")
	poll.Eventually(t, within, func(ctx context.Context) error {
		bd, err := fleet.FleetV1alpha1().BundleDeployments(w.at).Get(ctx, "app-config", metav1.GetOptions{})
		if err == nil && (bd.Status.Release == "corrected/app-config:1" || bd.Status.Display.State != string(v1alpha1.Ready)) {
			err = fmt.Errorf("the correction is not reported: %+v", bd.Status)
		}
		return err
	})

	// Deleted objects come back too.
	require.NoError(t, control.Client.CoreV1().ConfigMaps(w.name).Delete(t.Context(), "config", metav1.DeleteOptions{}))
	w.waitData(t, "config", "colour", "blue")
	w.waitState(t, "app-config", v1alpha1.Ready)
}

func TestAMissingObjectIsReported(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "missing")
	w.blue(t, nil)
	require.NoError(t, control.Client.CoreV1().ConfigMaps(w.name).Delete(t.Context(), "config", metav1.DeleteOptions{}))
	bd := w.waitState(t, "app-config", v1alpha1.Modified)
	require.Equal(t, []v1alpha1.ModifiedStatus{{Kind: "ConfigMap", APIVersion: "v1", Namespace: "missing", Name: "config", Create: true}}, bd.Status.ModifiedStatus)
	require.Equal(t, v1alpha1.ResourceCounts{DesiredReady: 1, Missing: 1}, bd.Status.ResourceCounts)
}

func TestResourcesAreKeptIfTheBundleAsksForIt(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "kept")
	w.blue(t, func(spec *v1alpha1.BundleSpec) { spec.KeepResources = true })
	w.label(t, nil)
	poll.Eventually(t, within, func(ctx context.Context) error {
		records, err := control.Client.CoreV1().Secrets(w.name).List(ctx, metav1.ListOptions{LabelSelector: "owner=helm"})
		if err == nil && len(records.Items) > 0 {
			err = fmt.Errorf("%d records of the release still exist; %s", len(records.Items), w.agent.Tail())
		}
		return err
	})
	w.waitData(t, "config", "colour", "blue")
}

func TestABundleWaitsForItsDependency(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "dependent")
	spec := v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{configMap("second", "a", "b")}}
	spec.DependsOn = []v1alpha1.BundleRef{{Name: "first"}}
	w.bundle(t, "second", spec)
	w.label(t, new("prod"))
	bd := w.waitState(t, "second", v1alpha1.ErrApplied)
	require.Equal(t, "Error: list bundledeployments: no bundles matching labels fleet.cattle.io/bundle-name=first,fleet.cattle.io/bundle-namespace=dependent in namespace "+w.at,
		bd.Status.Display.Deployed)
	w.bundle(t, "first", v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{configMap("first", "a", "b")}})
	w.waitData(t, "second", "a", "b")
	w.waitState(t, "second", v1alpha1.Ready)
}

func TestDownstreamResourcesExistBeforeTheChart(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "downstream")
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "extra"}, Data: map[string][]byte{"values.yaml": []byte("greeting: from below")}}
	_, err := control.Client.CoreV1().Secrets(w.name).Create(t.Context(), secret, metav1.CreateOptions{})
	require.NoError(t, err)
	spec := chart()
	spec.DefaultNamespace, spec.NamespaceLabels = "downstream-target", map[string]string{"owner": "shop"}
	spec.DownstreamResources = []v1alpha1.DownstreamResource{{Kind: "Secret", Name: "extra"}}
	spec.Helm = &v1alpha1.HelmOptions{ValuesFrom: []v1alpha1.ValuesFrom{{SecretKeyRef: &v1alpha1.SecretKeySelector{
		LocalObjectReference: v1alpha1.LocalObjectReference{Name: "extra"},
	}}}}
	w.bundle(t, "app-chart", spec)
	w.label(t, new("prod"))
	w.waitState(t, "app-chart", v1alpha1.Ready)
	// The generation of a copy grows after the copy, so the agent may have to deploy once
	// more.
	poll.Eventually(t, within, func(ctx context.Context) error {
		bd, err := fleet.FleetV1alpha1().BundleDeployments(w.at).Get(ctx, "app-chart", metav1.GetOptions{})
		if wanted := bd.Spec.DownstreamResourcesGeneration; err == nil && (wanted == 0 || bd.Status.DownstreamResourcesGeneration != wanted) {
			err = fmt.Errorf("deployed at generation %d of the downstream resources instead of %d", bd.Status.DownstreamResourcesGeneration, wanted)
		}
		return err
	})
	copied, err := control.Client.CoreV1().Secrets("downstream-target").Get(t.Context(), "extra", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, secret.Data, copied.Data)
	require.Equal(t, map[string]string{v1alpha1.LabelBundleDeployment: "app-chart"}, copied.Labels)
	rendered, err := control.Client.CoreV1().ConfigMaps("downstream-target").Get(t.Context(), "app-chart", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"greeting": "from below"}, rendered.Data)
	target, err := control.Client.CoreV1().Namespaces().Get(t.Context(), "downstream-target", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"owner": "shop", corev1.LabelMetadataName: "downstream-target"}, target.Labels)
}

func TestABrokenVersionIsReportedAndReplaced(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "broken")
	w.blue(t, nil)

	// An invalid manifest fails permanently: the agent has applied it, and it is not ready.
	w.change(t, "app-config", v1alpha1.BundleResource{Name: "config.yaml", Content: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndate: {}\n"})
	bd := w.waitState(t, "app-config", v1alpha1.NotReady)
	require.Equal(t, bd.Spec.DeploymentID, bd.Status.AppliedDeploymentID)
	require.Empty(t, bd.Status.Release)
	require.Equal(t, "True", bd.Status.Display.Deployed)
	poll.Eventually(t, within, func(ctx context.Context) error {
		b, err := fleet.FleetV1alpha1().Bundles(w.name).Get(ctx, "app-config", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, c := range b.Status.Conditions {
			if c.Type == "Ready" && c.Status == "False" && strings.HasPrefix(c.Message, "NotReady(1) [Cluster broken/north: not installed: ") {
				return nil
			}
		}
		return fmt.Errorf("the bundle has %+v", b.Status.Conditions)
	})
	w.waitData(t, "config", "colour", "blue")

	w.change(t, "app-config", configMap("config", "colour", "green"))
	w.waitData(t, "config", "colour", "green")
	w.waitState(t, "app-config", v1alpha1.Ready)
}

func TestAPausedClusterKeepsItsVersion(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "paused")
	w.blue(t, nil)
	w.pause(t, true)
	w.change(t, "app-config", configMap("config", "colour", "green"))
	w.waitState(t, "app-config", v1alpha1.OutOfSync)
	// The agent has nothing to do; a second Bundle would show if it did something.
	w.bundle(t, "later", v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{configMap("later", "a", "b")}})
	w.shows(t,
		"paused | bundle.fleet.cattle.io/app-config | 0/1 | WaitApplied(1) [Cluster paused/north]",
		"paused | bundle.fleet.cattle.io/later | 0/1 | WaitApplied(1) [Cluster paused/north]",
		"paused | cluster.fleet.cattle.io/north | 0/2 | TIME | NotReady(1) [Bundle later]; OutOfSync(1) [Bundle app-config]",
		"paused | gitrepo.fleet.cattle.io/app | https://git.example.com/app | "+commit+" | 0/2 | WaitApplied(1) [Cluster paused/north]",
		"CLUSTER | bundledeployment.fleet.cattle.io/app-config | True | True",
		"CLUSTER | bundledeployment.fleet.cattle.io/later",
	)
	w.waitData(t, "config", "colour", "blue")

	w.pause(t, false)
	w.waitData(t, "config", "colour", "green")
	w.waitData(t, "later", "a", "b")
	w.waitState(t, "app-config", v1alpha1.Ready)
}
