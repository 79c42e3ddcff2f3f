// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// cluster returns a Cluster with labels given as key, value, key, value, ...
func cluster(namespace, name string, labels ...string) *v1alpha1.Cluster {
	return &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: pairs(labels)}}
}

func pairs(list []string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		out[list[i]] = list[i+1]
	}
	return out
}

// bundle returns a Bundle for the Clusters with the labels; without labels, for all.
func bundle(namespace, name string, labels ...string) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: "kind: ConfigMap\nname: " + name}}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: selector(labels...)}}}
	return b
}

// templated returns a Bundle with one Helm value that is a template.
func templated(namespace, name, template string, labels ...string) *v1alpha1.Bundle {
	b := bundle(namespace, name, labels...)
	b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"value": template}}}
	return b
}

// home returns the namespace of a Cluster's BundleDeployments.
func home(namespace, cluster string) string { return names.ClusterNamespace(namespace, cluster) }

// The functions below fail the test on an error. listOf and merge take typed clients as well
// as untyped ones.

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return out
}

func create(t *testing.T, c dynamic.ResourceInterface, o *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	out, err := c.Create(t.Context(), o, metav1.CreateOptions{})
	require.NoError(t, err)
	return out
}

func get(t *testing.T, c dynamic.ResourceInterface, name string) *unstructured.Unstructured {
	t.Helper()
	out, err := c.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return out
}

func update(t *testing.T, c dynamic.ResourceInterface, o *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	out, err := c.Update(t.Context(), o, metav1.UpdateOptions{})
	require.NoError(t, err)
	return out
}

func updateStatus(t *testing.T, c dynamic.ResourceInterface, o *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	out, err := c.UpdateStatus(t.Context(), o, metav1.UpdateOptions{})
	require.NoError(t, err)
	return out
}

type getter[T any] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
}

// fetch is get for typed clients.
func fetch[T any](t *testing.T, c getter[T], name string) T {
	t.Helper()
	out, err := c.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return out
}

type lister[T any] interface {
	List(ctx context.Context, options metav1.ListOptions) (T, error)
}

// listOf lists with the options, if any are given.
func listOf[T any](t *testing.T, c lister[T], options ...metav1.ListOptions) T {
	t.Helper()
	options = append(options, metav1.ListOptions{}) // the default
	out, err := c.List(t.Context(), options[0])
	require.NoError(t, err)
	return out
}

type patcher[T any] interface {
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, options metav1.PatchOptions, subresources ...string) (T, error)
}

// merge applies a JSON merge patch.
func merge[T any, P string | []byte](t *testing.T, c patcher[T], name string, patch P, subresources ...string) T {
	t.Helper()
	out, err := c.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, subresources...)
	require.NoError(t, err, string(patch))
	return out
}

// put writes past the server, below the prefix of its records.
func (s *server) put(t *testing.T, key, value string) {
	t.Helper()
	_, err := s.etcd.Put(t.Context(), logPrefix+"/"+key, value)
	require.NoError(t, err)
}

func createCluster(t *testing.T, c versioned.Interface, object *v1alpha1.Cluster) *v1alpha1.Cluster {
	t.Helper()
	out, err := c.FleetV1alpha1().Clusters(object.Namespace).Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	return out
}

func createBundle(t *testing.T, c versioned.Interface, object *v1alpha1.Bundle) *v1alpha1.Bundle {
	t.Helper()
	out, err := c.FleetV1alpha1().Bundles(object.Namespace).Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	return out
}

// createGroup creates a group of the Clusters that a selector selects.
func createGroup(t *testing.T, c versioned.Interface, namespace, name string, selector *metav1.LabelSelector) *v1alpha1.ClusterGroup {
	t.Helper()
	g := &v1alpha1.ClusterGroup{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	g.Spec.Selector = selector
	out, err := c.FleetV1alpha1().ClusterGroups(namespace).Create(t.Context(), g, metav1.CreateOptions{})
	require.NoError(t, err)
	return out
}

// selector returns a selector of labels, given as key, value, key, value, ...
func selector(labels ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: pairs(labels)}
}

// onGroup returns a target: the Clusters of a group.
func onGroup(name string) []v1alpha1.BundleTarget {
	return []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: name}}}
}

// label sets a label of a Cluster, or removes it with value "null".
func label(t *testing.T, c versioned.Interface, namespace, name, key, value string) *v1alpha1.Cluster {
	t.Helper()
	out, err := tryLabel(t, c, namespace, name, key, value)
	require.NoError(t, err)
	return out
}

func tryLabel(t *testing.T, c versioned.Interface, namespace, name, key, value string) (*v1alpha1.Cluster, error) {
	t.Helper()
	if value != "null" {
		value = strconv.Quote(value)
	}
	patch := fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, key, value)
	return c.FleetV1alpha1().Clusters(namespace).Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
}

func name(prefix string, i int) string { return fmt.Sprintf("%s-%03d", prefix, i) }

// notYet is a resourceVersion, within a revision, that no server of these tests reaches.
var notYet = place(1<<40, 7)

// whole returns the resourceVersion of the state after a revision.
func whole(revision int64) string { return place(revision, 0) }

// place returns the resourceVersion of a change that so many other changes of its revision
// follow.
func place(revision int64, follow int) string {
	return (view.VersionAt(revision) - view.Version(follow)).String()
}

// revisionOf returns the revision of a resourceVersion.
func revisionOf(t *testing.T, resourceVersion string) int64 {
	t.Helper()
	return view.Version(number(t, resourceVersion)).Revision()
}

func number(t *testing.T, resourceVersion string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(resourceVersion, 10, 64)
	require.NoError(t, err)
	return n
}
