// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/replay"
)

// labelEdits is the number of label edits that are read everywhere.
const labelEdits = 200

func testReadYourWrites(t *testing.T, m *cluster.Muster, _ *cluster.Etcd) {
	const namespace = "read-your-writes"
	r := replay.Rand(t)
	setup := clientset(t, control.Config)
	control.MakeNamespace(t, namespace)
	selectors := map[string]*metav1.LabelSelector{
		"all": {}, "a": {MatchLabels: map[string]string{"x": "1"}}, "b": {MatchLabels: map[string]string{"x": "1", "y": "2"}},
		"c": {MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"1", "2"}}}},
		"d": {MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "y", Operator: metav1.LabelSelectorOpExists}}},
		"e": {MatchLabels: map[string]string{"x": "2"}, MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "y", Operator: metav1.LabelSelectorOpDoesNotExist}}},
	}
	for name, selector := range selectors {
		b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		b.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: "kind: ConfigMap"}}
		b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: selector}}}
		_, err := setup.FleetV1alpha1().Bundles(namespace).Create(t.Context(), b, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	_, err := setup.FleetV1alpha1().Clusters(namespace).Create(t.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "c"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	made, err := setup.FleetV1alpha1().Clusters(namespace).Get(t.Context(), "c", metav1.GetOptions{})
	require.NoError(t, err)
	home := made.Status.Namespace

	var replicas []dynamic.Interface
	for _, each := range m.Replicas() {
		replicas = append(replicas, dynamicClient(t, each.Direct(control.Config)))
	}
	aggregated := dynamicClient(t, control.Config)
	have, looks := labels.Set{}, 0
	for edit := range labelEdits {
		patch := map[string]any{}
		for _, key := range []string{"x", "y"} {
			switch n := r.IntN(4); n {
			case 3: // do nothing
			case 0:
				patch[key] = nil
				delete(have, key)
			default:
				patch[key] = fmt.Sprint(n)
				have[key] = fmt.Sprint(n)
			}
		}
		want := []string{}
		for name, selector := range selectors {
			compiled, err := metav1.LabelSelectorAsSelector(selector)
			require.NoError(t, err)
			if compiled.Matches(have) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		writer := edit % (len(replicas) + 1)
		through := aggregated
		if writer < len(replicas) {
			through = replicas[writer]
		}
		text, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": patch}})
		require.NoError(t, err)
		_, err = through.Resource(resource("clusters")).Namespace(namespace).Patch(t.Context(), "c", types.MergePatchType, text, metav1.PatchOptions{})
		require.NoError(t, err)
		for i, reader := range replicas {
			if i != writer {
				look(t, reader, home, want, slices.Sorted(maps.Keys(selectors)), edit+i)
				looks++
			}
		}
		if writer == len(replicas) {
			continue
		}
		// The Service sends each new connection to the next replica.
		for range 2 {
			anew(t, m.Direct(control.Config), func(c dynamic.Interface) { look(t, c, home, want, slices.Sorted(maps.Keys(selectors)), edit) })
			looks++
		}
		if edit%4 == 0 {
			look(t, aggregated, home, want, slices.Sorted(maps.Keys(selectors)), edit)
			looks++
		}
	}
	t.Logf("SUMMARY read your writes: %d label edits, each read by GET, LIST and WATCH elsewhere %d times, every time right", labelEdits, looks)
}

// anew calls do with a client that has no connection yet.
func anew(t *testing.T, config *rest.Config, do func(dynamic.Interface)) {
	t.Helper()
	config = cluster.Unshared(config)
	http, err := rest.HTTPClientFor(config)
	require.NoError(t, err)
	defer http.CloseIdleConnections()
	c, err := dynamic.NewForConfigAndClient(config, http)
	require.NoError(t, err)
	do(c)
}

// look checks by GET, LIST and WATCH which BundleDeployments exist.
func look(t *testing.T, c dynamic.Interface, home string, want, all []string, turn int) {
	t.Helper()
	deployments := c.Resource(resource("bundledeployments")).Namespace(home)
	name := all[turn%len(all)]
	_, err := deployments.Get(t.Context(), name, metav1.GetOptions{})
	if slices.Contains(want, name) {
		require.NoError(t, err)
	} else {
		require.True(t, apierrors.IsNotFound(err), "GET of %s, which should not exist: %v", name, err)
	}
	list, err := deployments.List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	got := []string{}
	for _, item := range list.Items {
		got = append(got, item.GetName())
	}
	require.Equal(t, want, got, "LIST")

	// The watch starts from "", like those of kubectl and informers.
	options := metav1.ListOptions{}
	if turn%2 == 0 {
		options = metav1.ListOptions{SendInitialEvents: new(true), AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan}
	}
	w, err := deployments.Watch(t.Context(), options)
	require.NoError(t, err)
	defer w.Stop()
	got = []string{}
	for len(got) < len(want) || options.SendInitialEvents != nil {
		e, open := <-w.ResultChan()
		require.True(t, open, "the watch ended after %v of %v", got, want)
		if e.Type == watch.Bookmark {
			break
		}
		require.Equal(t, watch.Added, e.Type)
		got = append(got, e.Object.(*unstructured.Unstructured).GetName())
	}
	require.Equal(t, want, got, "WATCH")
}
