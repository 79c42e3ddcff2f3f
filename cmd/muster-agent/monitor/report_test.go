// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestAReportNamesUnreadyObjectsBeforeModifiedOnes(t *testing.T) {
	t.Parallel()
	object := v1alpha1.ModifiedStatus{Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: "x"}
	with := func(change func(*v1alpha1.ModifiedStatus)) []v1alpha1.ModifiedStatus {
		s := object
		change(&s)
		return []v1alpha1.ModifiedStatus{s}
	}
	starting := []v1alpha1.NonReadyStatus{{
		Kind: "Deployment", APIVersion: "apps/v1", Namespace: "ns", Name: "x",
		Summary: v1alpha1.ObjectSummary{State: "in-progress", Transitioning: true, Message: []string{"a", "b"}},
	}}
	broken := []v1alpha1.NonReadyStatus{{Kind: "Thing", Name: "x", Summary: v1alpha1.ObjectSummary{State: "error", Error: true, Message: []string{"a"}}}}
	for _, c := range []struct {
		name string
		seen Seen
		want string
	}{
		{"all is well", Seen{}, ""},
		{"one is starting", Seen{NonReady: starting}, "deployment.apps ns/x [progressing] a, b"},
		{"one is broken", Seen{NonReady: broken}, "thing x error] a"},
		{"one is starting and one differs", Seen{NonReady: starting, Modified: with(func(*v1alpha1.ModifiedStatus) {})}, "deployment.apps ns/x [progressing] a, b"},
		{"one differs", Seen{Modified: with(func(s *v1alpha1.ModifiedStatus) { s.Patch = "{}" })}, "configmap.v1 ns/x modified {}"},
		{"one is missing", Seen{Modified: with(func(s *v1alpha1.ModifiedStatus) { s.Create = true })}, "configmap.v1 ns/x missing"},
		{"one belongs to another owner", Seen{Modified: with(func(s *v1alpha1.ModifiedStatus) { s.Create, s.Exist = true, true })}, "configmap.v1 ns/x is not owned by us"},
		{"one is too much", Seen{Modified: with(func(s *v1alpha1.ModifiedStatus) { s.Delete = true })}, "configmap.v1 ns/x extra"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status := &v1alpha1.BundleDeploymentStatus{}
			Report(status, &c.seen, time.Unix(0, 0))
			require.Equal(t, len(c.seen.NonReady) == 0, status.Ready)
			require.Equal(t, len(c.seen.Modified) == 0, status.NonModified)
			require.Equal(t, c.want, status.Conditions[0].Message)
			require.Equal(t, map[bool]string{true: "True", false: "False"}[c.want == ""], upstream.Condition(status, upstream.Ready))
		})
	}
}

func TestListsAreCutAtTen(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 10, 11} {
		seen := &Seen{}
		for i := range n {
			seen.NonReady = append(seen.NonReady, v1alpha1.NonReadyStatus{Name: fmt.Sprint(i)})
		}
		status := &v1alpha1.BundleDeploymentStatus{}
		Report(status, seen, time.Unix(0, 0))
		require.Len(t, status.NonReadyStatus, min(n, 10))
		require.Equal(t, n > 10, status.IncompleteState)
	}
}

func TestFieldsThatAreNotComparedAreOmitted(t *testing.T) {
	t.Parallel()
	object := &unstructured.Unstructured{Object: map[string]any{
		"kind": "ConfigMap", "apiVersion": "v1",
		"metadata": map[string]any{"name": "x", "namespace": "ns", "uid": "1", "resourceVersion": "2", "annotations": map[string]any{"a/b": "c", "d": "e"}},
		"data":     map[string]any{"x": "y"}, "status": map[string]any{"x": "y"},
	}}
	rule := v1alpha1.ComparePatch{Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: "x"}
	options := func(change func(*v1alpha1.ComparePatch)) *v1alpha1.BundleDeploymentOptions {
		r := rule
		change(&r)
		return &v1alpha1.BundleDeploymentOptions{Diff: &v1alpha1.DiffOptions{ComparePatches: []v1alpha1.ComparePatch{r}}}
	}
	metadata := map[string]any{"name": "x", "namespace": "ns", "annotations": map[string]any{"a/b": "c", "d": "e"}}
	for _, c := range []struct {
		name    string
		options *v1alpha1.BundleDeploymentOptions
		want    map[string]any
	}{
		{"what the server fills in", &v1alpha1.BundleDeploymentOptions{}, map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": map[string]any{"x": "y"}}},
		{
			"a pointer, and an operation that removes", options(func(r *v1alpha1.ComparePatch) {
				r.JsonPointers = []string{"/data"}
				r.Operations = []v1alpha1.Operation{{Op: "remove", Path: "/metadata/annotations/a~1b"}}
			}),
			map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "metadata": map[string]any{"name": "x", "namespace": "ns", "annotations": map[string]any{"d": "e"}}},
		},
		{
			"nothing for another object", options(func(r *v1alpha1.ComparePatch) { r.Name, r.JsonPointers = "y", []string{"/data"} }),
			map[string]any{"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata, "data": map[string]any{"x": "y"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, compared(object, pointers(c.options, object)))
		})
	}
	require.Contains(t, pointers(options(func(r *v1alpha1.ComparePatch) { r.Operations = []v1alpha1.Operation{{Op: "ignore"}} }), object), "", "the whole object")
}
