// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/poll"
)

func TestAHelmOpIsDeployedShownAndDeleted(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "helmop", "north", "south")
	ops := api.FleetV1alpha1().HelmOps(w.name)
	_, err := control.Client.CoreV1().Secrets(w.name).Create(t.Context(), newSecret(w.name, "charts", map[string][]byte{"username": []byte("a"), "password": []byte("b")}), metav1.CreateOptions{})
	require.NoError(t, err)
	op := &v1alpha1.HelmOp{ObjectMeta: metav1.ObjectMeta{Name: "app"}, Spec: v1alpha1.HelmOpSpec{HelmSecretName: "charts", InsecureSkipTLSverify: true, Labels: map[string]string{"team": "a"}}}
	op.Spec.Helm = &v1alpha1.HelmOptions{Repo: "https://charts.example.com", Chart: "app", Version: "1.x"}
	op.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}}}}
	_, err = ops.Create(t.Context(), op, metav1.CreateOptions{})
	require.NoError(t, err)
	wait := func(deployed string) (found *v1alpha1.HelmOp) {
		poll.Eventually(t, within, func(ctx context.Context) (err error) {
			found, err = ops.Get(ctx, "app", metav1.GetOptions{})
			if s := found.Status; err == nil && (s.Display.ReadyBundleDeployments != deployed || s.Version != version ||
				!conditionIs(s.Conditions, accepted, "True") || !conditionIs(s.Conditions, ready, "True")) {
				err = fmt.Errorf("HelmOp: %s", describe(found.Status))
			}
			return err
		})
		return found
	}
	found := wait("2/2")
	require.Equal(t, 2, found.Status.ReadyClusters)
	require.Equal(t, []string{helmOpFinalizer}, found.Finalizers)
	require.Equal(t, "1.x", found.Spec.Helm.Version)
	bundle, err := api.FleetV1alpha1().Bundles(w.name).Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, &v1alpha1.BundleHelmOptions{SecretName: "charts", InsecureSkipTLSverify: true}, bundle.Spec.HelmOpOptions)
	require.Equal(t, version, bundle.Spec.Helm.Version)
	require.Equal(t, map[string]string{"team": "a", v1alpha1.LabelHelmOpName: "app"}, bundle.Labels)

	// The credentials of the chart repository are copied to where agents read them.
	north, err := api.FleetV1alpha1().Clusters(w.name).Get(t.Context(), "north", metav1.GetOptions{})
	require.NoError(t, err)
	poll.Eventually(t, within, func(ctx context.Context) error {
		_, err := control.Client.CoreV1().Secrets(north.Status.Namespace).Get(ctx, "charts", metav1.GetOptions{})
		return err
	})
	_, err = ops.Patch(t.Context(), "app", types.MergePatchType, []byte(`{"spec":{"helm":{"values":{"colour":"blue"}}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	poll.Eventually(t, within, func(ctx context.Context) error {
		bd, err := api.FleetV1alpha1().BundleDeployments(north.Status.Namespace).Get(ctx, "app", metav1.GetOptions{})
		if err == nil && (bd.Spec.Options.Helm.Values == nil || bd.Spec.Options.Helm.Values.Data["colour"] != "blue") {
			err = fmt.Errorf("values: %+v", bd.Spec.Options.Helm)
		}
		return err
	})
	wait("2/2")

	require.NoError(t, ops.Delete(t.Context(), "app", metav1.DeleteOptions{}))
	for _, resource := range []string{"helmops.fleet.cattle.io", "bundles.fleet.cattle.io"} {
		w.waitNo(t, resource, "app")
	}
	poll.Eventually(t, within, func(ctx context.Context) error {
		left, err := api.FleetV1alpha1().BundleDeployments("").List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelBundleNamespace + "=" + w.name + "," + v1alpha1.LabelHelmOpName})
		if err == nil && len(left.Items) > 0 {
			err = fmt.Errorf("%d BundleDeployments exist", len(left.Items))
		}
		return err
	})
}
