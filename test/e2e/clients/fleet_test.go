// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// bundles is the number of BundleDeployments that an edit changes.
const bundles = 100

// mark is the name of a Bundle, and of the only Cluster that it targets.
const mark = "mark"

// fleet holds three Clusters and the mark. Two of the Clusters have env=prod, and all other
// Bundles target those.
type fleet struct {
	versioned.Interface
	namespace string
	// homes are the namespaces of the Clusters' BundleDeployments.
	homes map[string]string
	marks int
}

// waitDiscovered waits until kube-apiserver's discovery lists the kind. Argo CD's cache asks
// discovery only when it starts.
func waitDiscovered(t *testing.T) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, lists, err := control.Client.Discovery().ServerGroupsAndResources()
		require.NoError(c, err)
		require.True(c, slices.ContainsFunc(lists, func(l *metav1.APIResourceList) bool {
			return l.GroupVersion == v1alpha1.SchemeGroupVersion.String() && len(l.APIResources) > 0
		}))
	}, patience, tick)
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	made, err := control.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "followed-"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	namespace := made.Name
	f := &fleet{Interface: versioned.NewForConfigOrDie(control.Config), namespace: namespace, homes: map[string]string{}}
	prod := map[string]string{"env": "prod"}
	for name, labels := range map[string]map[string]string{"moved": nil, "changed": prod, "left": prod, mark: {mark: "yes"}} {
		c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}}
		c, err := f.FleetV1alpha1().Clusters(namespace).Create(t.Context(), c, metav1.CreateOptions{})
		require.NoError(t, err)
		require.NotEmpty(t, c.Status.Namespace)
		f.homes[name] = c.Status.Namespace
	}
	f.bundle(t, mark, map[string]string{mark: "yes"})
	for i := range bundles {
		f.bundle(t, fmt.Sprintf("b%03d", i), prod)
	}
	return f
}

// bundle creates a Bundle whose BundleDeployments show the label "tier" of their Clusters.
func (f *fleet) bundle(t *testing.T, name string, selector map[string]string) {
	t.Helper()
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: name}}
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: "kind: ConfigMap"}}
	b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"tier": `t${ index .ClusterLabels "tier" }`}}}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: selector}}}}
	_, err := f.FleetV1alpha1().Bundles(f.namespace).Create(t.Context(), b, metav1.CreateOptions{})
	require.NoError(t, err)
}

// label sets a label of a Cluster; "null" removes it. It tries again while no replica
// answers: the second try changes nothing if the first one succeeded.
func (f *fleet) label(t *testing.T, name, key, value string) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:%s}}}`, key, value)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := f.FleetV1alpha1().Clusters(f.namespace).Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{})
		require.NoError(c, err)
	}, patience, tick)
}

// mark changes the mark, and returns its new resourceVersion.
func (f *fleet) mark(t *testing.T) string {
	t.Helper()
	f.marks++
	f.label(t, mark, "tier", fmt.Sprintf(`"%d"`, f.marks))
	d, err := f.FleetV1alpha1().BundleDeployments(f.homes[mark]).Get(t.Context(), mark, metav1.GetOptions{})
	require.NoError(t, err)
	return d.ResourceVersion
}

func (f *fleet) versions(t *testing.T) map[string]string {
	t.Helper()
	list, err := f.FleetV1alpha1().BundleDeployments("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	out := map[string]string{}
	for _, d := range list.Items {
		out[d.Namespace+"/"+d.Name] = d.ResourceVersion
	}
	return out
}
