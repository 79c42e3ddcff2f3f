// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

const clusters = 4

// fleet is a namespace with everything that a backup has to hold: Clusters, a group,
// Bundles, and reports of agents. One Bundle is on every Cluster, one follows a label, one
// has templates, and one has a pin, because its newest version fails.
type fleet struct {
	namespace string
	client    versioned.Interface
	homes     []string
}

func clusterName(i int) string { return fmt.Sprintf("c-%d", i) }

func newBundle(namespace, name, value string, labels map[string]string) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: "kind: ConfigMap\nname: " + name}}
	b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"value": value, "edit": "0"}}}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: labels}}}}
	return b
}

func newFleet(t *testing.T, namespace string, config *rest.Config) *fleet {
	t.Helper()
	client, err := versioned.NewForConfig(config)
	require.NoError(t, err)
	f := &fleet{namespace: namespace, client: client}
	control.MakeNamespace(t, namespace)
	api := client.FleetV1alpha1()
	for i := range clusters {
		labels := map[string]string{"env": "prod", "count": "0"}
		if i == 0 {
			labels["region"] = "north"
		}
		c, err := api.Clusters(namespace).Create(t.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: clusterName(i), Labels: labels}}, metav1.CreateOptions{})
		require.NoError(t, err)
		c, err = api.Clusters(namespace).Get(t.Context(), c.Name, metav1.GetOptions{})
		require.NoError(t, err)
		require.NotEmpty(t, c.Status.Namespace)
		f.homes = append(f.homes, c.Status.Namespace)
		control.MakeNamespace(t, c.Status.Namespace)
	}
	group := &v1alpha1.ClusterGroup{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "prod"}}
	group.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}
	_, err = api.ClusterGroups(namespace).Create(t.Context(), group, metav1.CreateOptions{})
	require.NoError(t, err)
	for _, b := range []*v1alpha1.Bundle{
		newBundle(namespace, "everywhere", "plain", nil),
		newBundle(namespace, "sometimes", "plain", map[string]string{"env": "prod"}),
		newBundle(namespace, "templated", `n${ index .ClusterLabels "count" }`, nil),
		newBundle(namespace, "pinned", "works", nil),
	} {
		_, err := api.Bundles(namespace).Create(t.Context(), b, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	_, err = api.Bundles(namespace).Patch(t.Context(), "pinned", types.MergePatchType, []byte(`{"spec":{"helm":{"values":{"value":"${ .ClusterLabels.region }"}}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	b, err := api.Bundles(namespace).Get(t.Context(), "pinned", metav1.GetOptions{})
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(b.Status.Conditions), "region", "the newest version fails")
	f.edits(t, 1)
	return f
}

func (f *fleet) edits(t *testing.T, n int) {
	t.Helper()
	require.NoError(t, f.edit(t.Context(), n))
}

func (f *fleet) edit(ctx context.Context, n int) error {
	api := f.client.FleetV1alpha1()
	env := "prod"
	if n%2 == 1 {
		env = "test"
	}
	cluster := 1 + n%(clusters-1) // the first Cluster never changes
	if _, err := api.Clusters(f.namespace).Patch(ctx, clusterName(cluster), types.MergePatchType,
		fmt.Appendf(nil, `{"metadata":{"labels":{"count":"%d","env":%q}}}`, n, env), metav1.PatchOptions{}); err != nil {
		return err
	}
	if _, err := api.Bundles(f.namespace).Patch(ctx, "everywhere", types.MergePatchType,
		fmt.Appendf(nil, `{"spec":{"helm":{"values":{"edit":"%d"}}}}`, n), metav1.PatchOptions{}); err != nil {
		return err
	}
	for _, home := range f.homes {
		d, err := api.BundleDeployments(home).Get(ctx, "everywhere", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if _, err := api.BundleDeployments(home).Patch(ctx, "everywhere", types.MergePatchType,
			fmt.Appendf(nil, `{"status":{"ready":true,"release":"r%d","appliedDeploymentID":%q}}`, n, d.Spec.DeploymentID), metav1.PatchOptions{}, "status"); err != nil {
			return err
		}
	}
	return nil
}

// editing edits until stop is called, which returns the number of rounds.
func (f *fleet) editing(t *testing.T, from int) (stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	n := from
	var failed error
	done.Go(func() {
		for ; ctx.Err() == nil && failed == nil; n++ {
			if err := f.edit(ctx, n); err != nil && ctx.Err() == nil {
				failed = err
			}
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
	return func() int {
		cancel()
		done.Wait()
		require.NoError(t, failed)
		return n
	}
}
