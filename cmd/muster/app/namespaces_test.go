// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/musterfleet/muster/cmd/muster/app/pki"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

func TestANamespaceExistsOnceItIsUsed(t *testing.T) {
	t.Parallel()
	config := run(t, t.TempDir()).config
	fleet, core := versioned.NewForConfigOrDie(config).FleetV1alpha1(), kubernetes.NewForConfigOrDie(config).CoreV1()

	_, err := core.Namespaces().Get(t.Context(), "tenants", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	list, err := core.Namespaces().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.Equal(t, pki.DefaultNamespace, list.Items[0].Name, "the namespace of the kubeconfig is there before anything is in it")
	_, err = core.Namespaces().Get(t.Context(), pki.DefaultNamespace, metav1.GetOptions{})
	require.NoError(t, err)

	bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: "app"}}
	bundle.Spec.Targets = []v1alpha1.BundleTarget{{Name: "all", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	_, err = fleet.Bundles("tenants").Create(t.Context(), bundle, metav1.CreateOptions{})
	require.NoError(t, err)
	cluster, err := fleet.Clusters("tenants").Create(t.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: "one"}}, metav1.CreateOptions{})
	require.NoError(t, err)

	// That of the Bundle, that of its BundleDeployment, and the kubeconfig's.
	list, err = core.Namespaces().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 3)
	require.Equal(t, cluster.Status.Namespace, list.Items[0].Name)
	require.Equal(t, pki.DefaultNamespace, list.Items[1].Name)
	namespace, err := core.Namespaces().Get(t.Context(), "tenants", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"kubernetes.io/metadata.name": "tenants"}, namespace.Labels)
	require.Equal(t, corev1.NamespaceActive, namespace.Status.Phase)
	list, err = core.Namespaces().List(t.Context(), metav1.ListOptions{LabelSelector: "kubernetes.io/metadata.name=tenants"})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	list, err = core.Namespaces().List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=tenants"})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	require.Equal(t, "tenants", list.Items[0].Name)
	list, err = core.Namespaces().List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name!=tenants"})
	require.NoError(t, err)
	require.Len(t, list.Items, 2)

	_, err = core.Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "made"}}, metav1.CreateOptions{})
	require.True(t, apierrors.IsMethodNotSupported(err), "%v", err)

	require.NoError(t, fleet.Bundles("tenants").Delete(t.Context(), "app", metav1.DeleteOptions{}))
	require.NoError(t, fleet.Clusters("tenants").Delete(t.Context(), "one", metav1.DeleteOptions{}))
	_, err = core.Namespaces().Get(t.Context(), "tenants", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}
