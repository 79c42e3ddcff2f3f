// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	// everywhere is the Bundle for all Clusters, sometimes the number of those for the
	// Clusters with the label env=prod.
	everywhere = "everywhere"
	sometimes  = 2
	clusters   = 6
)

func sometimesName(i int) string { return fmt.Sprintf("sometimes-%d", i) }
func clusterName(i int) string   { return fmt.Sprintf("c-%d", i) }

type fleet struct {
	namespace string
	homes     []string // the namespaces of BundleDeployments, by Cluster
}

func (f fleet) bundles() []string {
	names := []string{everywhere}
	for i := range sometimes {
		names = append(names, sometimesName(i))
	}
	return names
}

// deployed reports whether a Bundle is on a Cluster whose counter is at n: every fourth
// count moves the Cluster out of the targets of all other Bundles.
func deployed(bundle string, n int) bool { return bundle == everywhere || n%4 != 3 }

func clusterLabels(n int) map[string]string {
	env := "prod"
	if n%4 == 3 {
		env = "test"
	}
	return map[string]string{"count": strconv.Itoa(n), "env": env}
}

// newFleet creates a fleet whose counters are at 0.
func newFleet(t *testing.T, namespace string, config *rest.Config) fleet {
	t.Helper()
	f := fleet{namespace: namespace}
	c := clientset(t, config)
	control.MakeNamespace(t, namespace)
	for i := range clusters {
		object := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: clusterName(i), Labels: clusterLabels(0)}}
		_, err := c.FleetV1alpha1().Clusters(namespace).Create(t.Context(), object, metav1.CreateOptions{})
		require.NoError(t, err)
		created, err := c.FleetV1alpha1().Clusters(namespace).Get(t.Context(), clusterName(i), metav1.GetOptions{})
		require.NoError(t, err)
		require.NotEmpty(t, created.Status.Namespace)
		f.homes = append(f.homes, created.Status.Namespace)
		control.MakeNamespace(t, f.homes[i])
	}
	for _, name := range f.bundles() {
		_, err := c.FleetV1alpha1().Bundles(namespace).Create(t.Context(), newBundle(namespace, name), metav1.CreateOptions{})
		require.NoError(t, err)
	}
	return f
}

func newBundle(namespace, name string) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: "kind: ConfigMap\nname: " + name}}
	b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{
		"count": `n${ index .ClusterLabels "count" }`, "edit": "n0",
	}}}
	selector := &metav1.LabelSelector{}
	if name != everywhere {
		selector.MatchLabels = map[string]string{"env": "prod"}
	}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: selector}}}
	return b
}

func clientset(t *testing.T, config *rest.Config) versioned.Interface {
	t.Helper()
	c, err := versioned.NewForConfig(cluster.Unshared(config))
	require.NoError(t, err)
	return c
}

func dynamicClient(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	c, err := dynamic.NewForConfig(cluster.Unshared(config))
	require.NoError(t, err)
	return c
}

func resource(plural string) schema.GroupVersionResource {
	return v1alpha1.SchemeGroupVersion.WithResource(plural)
}

// These are the three writes.

func (f fleet) label(ctx context.Context, c versioned.Interface, cluster, n int) (*v1alpha1.Cluster, error) {
	labels := clusterLabels(n)
	patch := fmt.Sprintf(`{"metadata":{"labels":{"count":%q,"env":%q}}}`, labels["count"], labels["env"])
	return c.FleetV1alpha1().Clusters(f.namespace).Patch(ctx, clusterName(cluster), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
}

func (f fleet) edit(ctx context.Context, c versioned.Interface, bundle string, n int) (*v1alpha1.Bundle, error) {
	patch := fmt.Sprintf(`{"spec":{"helm":{"values":{"edit":"n%d"}}}}`, n)
	return c.FleetV1alpha1().Bundles(f.namespace).Patch(ctx, bundle, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
}

func (f fleet) report(ctx context.Context, c versioned.Interface, cluster, n int) (*v1alpha1.BundleDeployment, error) {
	patch := fmt.Sprintf(`{"status":{"release":"n%d"}}`, n)
	return c.FleetV1alpha1().BundleDeployments(f.homes[cluster]).Patch(ctx, everywhere, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
}

// shown holds the counters that a BundleDeployment shows.
type shown struct{ count, edit, report int }

func readShown(o *unstructured.Unstructured) (shown, error) {
	var out shown
	for _, field := range []struct {
		at   []string
		into *int
	}{
		{[]string{"spec", "stagedOptions", "helm", "values", "count"}, &out.count},
		{[]string{"spec", "stagedOptions", "helm", "values", "edit"}, &out.edit},
		{[]string{"status", "release"}, &out.report},
	} {
		text, found, err := unstructured.NestedString(o.Object, field.at...)
		if err != nil || !found {
			if field.at[0] == "status" && err == nil {
				continue // no report yet
			}
			return out, fmt.Errorf("%s/%s has no %s (%w)", o.GetNamespace(), o.GetName(), strings.Join(field.at, "."), err)
		}
		if *field.into, err = strconv.Atoi(strings.TrimPrefix(text, "n")); err != nil {
			return out, err
		}
	}
	return out, nil
}
