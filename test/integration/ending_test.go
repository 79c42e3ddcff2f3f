// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestObjectsBeingDeletedHaveNoBundleDeployments: a finalizer that waits for the uninstall
// sees it, and the object disappears when the finalizer does.
func TestObjectsBeingDeletedHaveNoBundleDeployments(t *testing.T) {
	t.Parallel()
	c, namespace := shared(t).clientset(t), fresh(t)
	deployments := func() []string {
		out := []string{}
		for _, d := range listOf(t, c.FleetV1alpha1().BundleDeployments(""), metav1.ListOptions{LabelSelector: "fleet.cattle.io/bundle-namespace=" + namespace}).Items {
			out = append(out, d.Labels["fleet.cattle.io/cluster"])
		}
		return out
	}
	held := cluster(namespace, "c1", "on", "yes")
	held.Finalizers = []string{"example.org/wait"}
	createCluster(t, c, held)
	createCluster(t, c, cluster(namespace, "c2", "on", "yes"))
	createCluster(t, c, cluster(namespace, "c3"))
	b := bundle(namespace, "term", "on", "yes")
	b.Finalizers = []string{"example.org/wait"}
	createBundle(t, c, b)
	require.ElementsMatch(t, []string{"c1", "c2"}, deployments())

	require.NoError(t, c.FleetV1alpha1().Clusters(namespace).Delete(t.Context(), "c1", metav1.DeleteOptions{}))
	require.Equal(t, []string{"c2"}, deployments())
	require.NoError(t, c.FleetV1alpha1().Bundles(namespace).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	require.Empty(t, deployments())
	label(t, c, namespace, "c3", "on", "yes")
	require.Empty(t, deployments())

	merge(t, c.FleetV1alpha1().Bundles(namespace), "term", `{"metadata":{"finalizers":null}}`)
	_, err := c.FleetV1alpha1().Bundles(namespace).Get(t.Context(), "term", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	b.Finalizers = nil
	createBundle(t, c, b)
	require.ElementsMatch(t, []string{"c2", "c3"}, deployments())
}

// TestAgentsCanReportOnEveryServedBundleDeployment covers names of Clusters and Bundles that
// cannot be deployed.
func TestAgentsCanReportOnEveryServedBundleDeployment(t *testing.T) {
	t.Parallel()
	c, namespace := shared(t).clientset(t), fresh(t)
	long := strings.Repeat("x", 64)
	createCluster(t, c, cluster(namespace, "plain"))
	createCluster(t, c, cluster(namespace, "edge-1.22"))
	createCluster(t, c, cluster(namespace, long))
	createBundle(t, c, bundle(namespace, long))
	createBundle(t, c, bundle(namespace, "b.with.dots"))
	list := listOf(t, c.FleetV1alpha1().BundleDeployments(""), metav1.ListOptions{LabelSelector: "fleet.cattle.io/bundle-namespace=" + namespace})
	require.Len(t, list.Items, 1)
	bd := &list.Items[0]
	require.Equal(t, home(namespace, "plain")+"/b.with.dots", bd.Namespace+"/"+bd.Name)
	bd.Status.AppliedDeploymentID = bd.Spec.DeploymentID
	_, err := c.FleetV1alpha1().BundleDeployments(bd.Namespace).UpdateStatus(t.Context(), bd, metav1.UpdateOptions{})
	require.NoError(t, err, "a report is accepted")

	for _, name := range []string{"edge-1.22", long} {
		odd := fetch(t, c.FleetV1alpha1().Clusters(namespace), name)
		require.Empty(t, odd.Status.Namespace)
		require.Contains(t, odd.Status.Conditions[0].Message, "nothing is deployed")
		label(t, c, namespace, name, "edited", "yes")
	}
	odd := fetch(t, c.FleetV1alpha1().Bundles(namespace), long)
	require.Contains(t, odd.Status.Conditions[0].Message, "metadata.name has 64 characters")
	odd.Spec.Paused = true
	_, err = c.FleetV1alpha1().Bundles(namespace).Update(t.Context(), odd, metav1.UpdateOptions{})
	require.NoError(t, err, "an existing object can be edited")
}
