// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// alone returns a server without other writers, so that its revision shows whether a report
// was written.
func alone(t *testing.T) (s *server, deployments dynamic.ResourceInterface) {
	t.Helper()
	s = own(t)
	createBundle(t, s.clientset(t), templated("ns", "app", "${ .ClusterLabels.env }", "env", "prod"))
	createCluster(t, s.clientset(t), cluster("ns", "c1", "env", "prod"))
	return s, s.resource(t, "bundledeployments", home("ns", "c1"))
}

// fullReport returns a status as an agent sends it whole (S 9.5).
func fullReport(release string, resources int) map[string]any {
	const id = "s-be968add86c1ff4ce035725b0843ab95990894ed8447dd25623692c014717:2b3eb1c0044dd55963b580c402f9703533c40396e53a2aa27a2ba991ec15d145"
	condition := func(kind string) any {
		return map[string]any{"type": kind, "status": "True", "lastUpdateTime": "2026-11-23T10:00:00Z"}
	}
	all := []any{}
	for i := range resources {
		kind, version := []string{"Deployment", "ConfigMap", "Service", "ServiceAccount", "Secret"}[i%5], "v1"
		if kind == "Deployment" {
			version = "apps/v1"
		}
		all = append(all, map[string]any{"kind": kind, "apiVersion": version, "namespace": "shop", "name": fmt.Sprintf("orders-%d", i/5), "createdAt": "2026-11-23T09:59:58Z"})
	}
	return map[string]any{
		"conditions":          []any{condition("Installed"), condition("Deployed"), condition("Monitored"), condition("Ready")},
		"appliedDeploymentID": id, "release": release, "ready": true, "nonModified": true, "syncGeneration": int64(0),
		"resources": all, "resourceCounts": map[string]any{"ready": int64(resources), "desiredReady": int64(resources)},
	}
}

// ways returns the ways to write a status. Each writes it whole.
func ways(t *testing.T, c dynamic.ResourceInterface) map[string]func(status map[string]any) (*unstructured.Unstructured, error) {
	t.Helper()
	return map[string]func(map[string]any) (*unstructured.Unstructured, error){
		"merge patch": func(status map[string]any) (*unstructured.Unstructured, error) {
			return c.Patch(t.Context(), "app", types.MergePatchType, marshal(t, map[string]any{"status": status}), metav1.PatchOptions{}, "status")
		},
		"merge patch with what the agent loaded into the spec": func(status map[string]any) (*unstructured.Unstructured, error) {
			values := map[string]any{"helm": map[string]any{"values": map[string]any{"loaded": true}}}
			body := map[string]any{"spec": map[string]any{"options": values, "stagedOptions": values}, "status": status}
			return c.Patch(t.Context(), "app", types.MergePatchType, marshal(t, body), metav1.PatchOptions{}, "status")
		},
		"JSON patch": func(status map[string]any) (*unstructured.Unstructured, error) {
			ops := []map[string]any{{"op": "add", "path": "/spec/options/helm", "value": map[string]any{"chart": "other"}}}
			for member, value := range status {
				ops = append(ops, map[string]any{"op": "add", "path": "/status/" + member, "value": value})
			}
			return c.Patch(t.Context(), "app", types.JSONPatchType, marshal(t, ops), metav1.PatchOptions{}, "status")
		},
		"update": func(status map[string]any) (*unstructured.Unstructured, error) {
			o := get(t, c, "app")
			o.Object["status"] = status
			o.SetLabels(map[string]string{"other": "label"})
			require.NoError(t, unstructured.SetNestedField(o.Object, "other", "spec", "options", "helm", "chart"))
			return c.UpdateStatus(t.Context(), o, metav1.UpdateOptions{})
		},
		"update of the current revision": func(status map[string]any) (*unstructured.Unstructured, error) {
			o := get(t, c, "app")
			o.Object["status"] = status
			return c.UpdateStatus(t.Context(), o, metav1.UpdateOptions{})
		},
		"apply": func(status map[string]any) (*unstructured.Unstructured, error) {
			o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "BundleDeployment", "metadata": map[string]any{"name": "app"}, "status": status}}
			return c.ApplyStatus(t.Context(), "app", o, metav1.ApplyOptions{FieldManager: "agent", Force: true})
		},
	}
}

func TestAReportIsTheSameInAllItsForms(t *testing.T) {
	t.Parallel()
	_, c := alone(t)
	before := get(t, c, "app")
	var first *unstructured.Unstructured
	for title, write := range ways(t, c) {
		// Start from another report each time.
		report(t, c, `{"status":{"release":"before","conditions":null,"incompleteState":null,"resources":null}}`)
		after, err := write(fullReport("ns/app:1", 3))
		require.NoError(t, err, title)
		require.Equal(t, before.Object["spec"], after.Object["spec"], title)
		require.Equal(t, before.GetLabels(), after.GetLabels(), title)
		require.Equal(t, before.GetGeneration(), after.GetGeneration(), title)
		require.Equal(t, after, get(t, c, "app"), title)
		if first == nil {
			first = after
		}
		require.Equal(t, first.Object["status"], after.Object["status"], title)
	}
}

func TestAReportWithoutChangesIsNotWritten(t *testing.T) {
	t.Parallel()
	s, c := alone(t)
	for title, write := range ways(t, c) {
		after, err := write(fullReport("ns/app:1", 3))
		require.NoError(t, err, title)
		w := watching(t, c, metav1.ListOptions{ResourceVersion: after.GetResourceVersion()})
		before := s.written(t)
		same, err := write(fullReport("ns/app:1", 3))
		require.NoError(t, err, title)
		require.Equal(t, after, same, title)
		for _, body := range []string{
			`{}`, `{"spec":{"options":{"helm":{"values":{"a":{"b":1}}}},"stagedOptions":{"helm":{"values":{"a":{"b":1}}}}}}`,
			`{"status":{}}`, `{"status":{"display":{"state":"NotReady","deployed":"x","monitored":null}}}`, `{"status":{"modifiedStatus":null,"nonReadyStatus":null,"incompleteState":null}}`,
			`{"metadata":{"annotations":{"a":"b"}}}`,
		} {
			require.Equal(t, after, report(t, c, body), "%s: %s", title, body)
		}
		require.Equal(t, before, s.written(t), "%s: something was written", title)
		// The next event is not of one of those.
		report(t, c, `{"status":{"release":"ns/app:2"}}`)
		next := w.expect(watch.Modified, "app")
		release, _, _ := unstructured.NestedString(next.Object, "status", "release")
		require.Equal(t, "ns/app:2", release, "%s: an event came for a report that changed nothing", title)
	}
}

func TestReportsMergeMembersReplaceListsAndRemoveNulls(t *testing.T) {
	t.Parallel()
	_, c := alone(t)
	patch := func(body string) map[string]any {
		out := report(t, c, body)
		status := out.Object["status"].(map[string]any)
		delete(status, "display")
		return status
	}
	whole := patch(string(marshal(t, map[string]any{"status": fullReport("ns/app:1", 2)})))
	with := func(change func(status map[string]any)) map[string]any {
		out := (&unstructured.Unstructured{Object: whole}).DeepCopy().Object
		change(out)
		whole = out
		return out
	}
	require.Equal(t, with(func(s map[string]any) { s["release"] = "ns/app:2" }), patch(`{"status":{"release":"ns/app:2"}}`))
	one := []any{map[string]any{"type": "Ready", "status": "False", "message": "no"}}
	require.Equal(t, with(func(s map[string]any) { s["conditions"] = one }), patch(`{"status":{"conditions":[{"type":"Ready","status":"False","message":"no"}]}}`))
	require.Equal(t, with(func(s map[string]any) { delete(s, "resources") }), patch(`{"status":{"resources":null}}`))
	require.Equal(t, with(func(s map[string]any) { delete(s, "ready") }), patch(`{"status":{"ready":false}}`))
	require.Equal(t, with(func(s map[string]any) { delete(s, "syncGeneration") }), patch(`{"status":{"syncGeneration":null}}`))
	require.Equal(t, with(func(s map[string]any) { s["syncGeneration"] = int64(0) }), patch(`{"status":{"syncGeneration":0}}`))
	require.Equal(t, with(func(s map[string]any) { s["resourceCounts"].(map[string]any)["notReady"] = int64(2) }), patch(`{"status":{"resourceCounts":{"notReady":2}}}`))
	require.Equal(t, with(func(s map[string]any) {
		s["modifiedStatus"] = []any{map[string]any{"kind": "ConfigMap", "missing": true}}
		s["nonReadyStatus"] = []any{map[string]any{"kind": "Deployment", "summary": map[string]any{"state": "in-progress", "message": []any{"a"}}}}
		s["incompleteState"], s["downstreamResourcesGeneration"] = true, int64(7)
	}), patch(`{"status":{"modifiedStatus":[{"kind":"ConfigMap","missing":true}],"nonReadyStatus":[{"kind":"Deployment","summary":{"state":"in-progress","message":["a"]}}],"incompleteState":true,"downstreamResourcesGeneration":7}}`))
	require.Equal(t, with(func(s map[string]any) { delete(s, "modifiedStatus") }), patch(`{"status":{"modifiedStatus":[]}}`))
}

func TestTheFirstHeartbeatNeedsNoStatusAndTouchesNothingElse(t *testing.T) {
	t.Parallel()
	s, c := alone(t)
	clusters := s.resource(t, "clusters", "ns")
	before, deployment := get(t, clusters, "c1"), get(t, c, "app")
	w := watching(t, s.resource(t, "bundledeployments", ""), metav1.ListOptions{ResourceVersion: deployment.GetResourceVersion()})
	beat := func(seen string) (*unstructured.Unstructured, error) {
		body := fmt.Sprintf(`[{"op":"add","path":"/status/agent","value":{"lastSeen":%q,"namespace":"cattle-fleet-system"}}]`, seen)
		return clusters.Patch(t.Context(), "c1", types.JSONPatchType, []byte(body), metav1.PatchOptions{}, "status")
	}
	for i := range 3 {
		seen := fmt.Sprintf("2026-11-23T10:0%d:00Z", i)
		after, err := beat(seen)
		require.NoError(t, err)
		require.Equal(t, after.GetResourceVersion(), whole(s.written(t)))
		agent, _, _ := unstructured.NestedStringMap(after.Object, "status", "agent")
		require.Equal(t, map[string]string{"lastSeen": seen, "namespace": "cattle-fleet-system"}, agent)
		require.Equal(t, before.Object["spec"], after.Object["spec"])
		require.Equal(t, before.GetGeneration(), after.GetGeneration())
		again, err := beat(seen)
		require.NoError(t, err)
		require.Equal(t, after, again)
		require.Equal(t, after.GetResourceVersion(), whole(s.written(t)), "the same heartbeat is no write")
	}
	require.Equal(t, deployment, get(t, c, "app"), "a heartbeat changed a BundleDeployment")
	label(t, s.clientset(t), "ns", "c1", "env", "test")
	w.expect(watch.Deleted, "app")
	_, err := clusters.Patch(t.Context(), "absent", types.JSONPatchType, []byte(`[{"op":"add","path":"/status/agent","value":{}}]`), metav1.PatchOptions{}, "status")
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

func TestConcurrentReportsAreGroupedAndEachIsShownOnce(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	const many, rounds = 40, 5
	createBundle(t, c, bundle("ns", "app"))
	for i := range many {
		createCluster(t, c, cluster("ns", name("c", i)))
	}
	list := listOf(t, s.resource(t, "bundledeployments", ""))
	w := watching(t, s.resource(t, "bundledeployments", ""), metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	before := s.revision(t)
	revisions := make([][]string, many)
	var all sync.WaitGroup
	for i := range many {
		agent := s.resource(t, "bundledeployments", home("ns", name("c", i)))
		all.Go(func() {
			for round := range rounds {
				body := fmt.Sprintf(`{"status":{"release":"ns/app:%d"}}`, round+1)
				out, err := agent.Patch(t.Context(), "app", types.MergePatchType, []byte(body), metav1.PatchOptions{}, "status")
				if err != nil {
					t.Error(err)
					return
				}
				revisions[i] = append(revisions[i], out.GetResourceVersion())
			}
		})
	}
	all.Wait()
	used := s.revision(t) - before
	t.Logf("%d reports at %d revisions", many*rounds, used)
	require.Less(t, used, int64(many*rounds), "no reports shared a revision")
	seen := map[string][]string{}
	for range many * rounds {
		_, o := w.next()
		seen[o.GetNamespace()] = append(seen[o.GetNamespace()], o.GetResourceVersion())
	}
	for i := range many {
		require.Equal(t, revisions[i], seen[home("ns", name("c", i))], "the events of an agent match its reports")
		require.True(t, slices.IsSortedFunc(revisions[i], func(a, b string) int { return int(number(t, a) - number(t, b)) }))
		require.Equal(t, fmt.Sprintf("ns/app:%d", rounds), release(t, s, "ns", name("c", i), "app"))
	}
}

// A replica plans a report on what it has seen so far; the result does not depend on how
// much that is.
func TestReportsThroughAnyReplicaBuildOnAcknowledgedOnes(t *testing.T) {
	t.Parallel()
	a := own(t)
	b := a.replica(t)
	c := a.clientset(t)
	createBundle(t, c, bundle("ns", "app", "env", "prod"))
	createCluster(t, c, cluster("ns", "c1"))
	patch := func(s *server, body string) (*unstructured.Unstructured, error) {
		return s.resource(t, "bundledeployments", home("ns", "c1")).Patch(t.Context(), "app", types.MergePatchType, []byte(body), metav1.PatchOptions{}, "status")
	}
	for i := range 50 {
		label(t, c, "ns", "c1", "env", "prod")
		_, err := patch(b, fmt.Sprintf(`{"status":{"release":"r%d"}}`, i))
		require.NoError(t, err)
		first, err := patch(a, fmt.Sprintf(`{"status":{"appliedDeploymentID":"a%d"}}`, i))
		require.NoError(t, err)
		// A report without news, through a replica that may not know that yet.
		same, err := patch(b, fmt.Sprintf(`{"status":{"appliedDeploymentID":"a%d"}}`, i))
		require.NoError(t, err)
		require.Equal(t, first, same)
		status := same.Object["status"].(map[string]any)
		require.Equal(t, fmt.Sprintf("r%d", i), status["release"])
		_, err = patch(b, `{"metadata":{"resourceVersion":"`+first.GetResourceVersion()+`"},"status":{"ready":true}}`)
		require.NoError(t, err, "it names a revision that this replica may not have seen")
		label(t, c, "ns", "c1", "env", "null")
		_, err = patch(b, `{"status":{"release":"late"}}`)
		require.True(t, apierrors.IsNotFound(err), "%v", err)
	}
}

func TestAnOversizedReportIsRefusedAndTheLastOneStays(t *testing.T) {
	t.Parallel()
	s, c := alone(t)
	// Both lists have an agent's maximum of ten entries.
	long := func(bytes int) map[string]any {
		text := strings.Repeat("0123456789 äöü <b> \"q\" ", bytes/25)
		status := fullReport("ns/app:1", 1)
		status["ready"], status["incompleteState"] = false, true
		unready, modified := []any{}, []any{}
		for i := range 10 {
			unready = append(unready, map[string]any{"kind": "Deployment", "name": name("d", i), "summary": map[string]any{"state": "in-progress", "error": true, "message": []any{text}}})
			modified = append(modified, map[string]any{"kind": "ConfigMap", "name": name("c", i), "patch": text})
		}
		status["nonReadyStatus"], status["modifiedStatus"] = unready, modified
		return status
	}
	modified := func(status map[string]any) []any { return status["modifiedStatus"].([]any) }
	patch := func(status map[string]any) (*unstructured.Unstructured, error) {
		return c.Patch(t.Context(), "app", types.MergePatchType, marshal(t, map[string]any{"status": status}), metav1.PatchOptions{}, "status")
	}
	large := long(40_000)
	after, err := patch(large)
	require.NoError(t, err)
	shown := after.Object["status"].(map[string]any)
	require.Equal(t, large["nonReadyStatus"], shown["nonReadyStatus"])
	require.Equal(t, large["modifiedStatus"], shown["modifiedStatus"])
	bundle := get(t, s.resource(t, "bundles", "ns"), "app")
	entries, _, err := unstructured.NestedSlice(bundle.Object, "status", "summary", "nonReadyResources")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	// A roll-up shows the first entries, each cut, and says so.
	entry := entries[0].(map[string]any)
	cut := entry["modifiedStatus"].([]any)
	require.Less(t, len(cut), len(modified(large)))
	for i, m := range cut {
		whole := modified(large)[i].(map[string]any)
		require.Equal(t, whole["name"], m.(map[string]any)["name"])
		require.LessOrEqual(t, len(m.(map[string]any)["patch"].(string)), 4<<10)
	}
	require.Contains(t, entry["message"], "more objects are not listed here")

	before := s.written(t)
	_, err = patch(long(90_000))
	require.True(t, apierrors.IsRequestEntityTooLargeError(err), "%v", err)
	require.ErrorContains(t, err, `the status of bundledeployments "app" takes`)
	require.ErrorContains(t, err, "shorten the messages and patches")
	require.NotContains(t, err.Error(), "spec.resources", "this advice is for authors of Bundles")
	require.Equal(t, before, s.written(t))
	require.Equal(t, after, get(t, c, "app"))
}
