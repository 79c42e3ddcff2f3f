// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// computedStatus lists the fields of statuses that the server computes, each with all that is
// below it (S 7.3 to 7.6). What other writers send there is ignored. All other fields are
// theirs, and are kept.
var computedStatus = map[string][]string{
	"bundles": {
		"summary", "newlyCreated", "unavailable", "unavailablePartitions", "maxUnavailable", "maxUnavailablePartitions",
		"maxNew", "partitions", "display", "resourceKey", "observedGeneration", "resourcesSha256Sum",
	},
	"clusters":      {"summary", "resourceCounts", "readyGitRepos", "desiredReadyGitRepos", "readyHelmOps", "desiredReadyHelmOps", "display"},
	"clustergroups": {"summary", "resourceCounts", "clusterCount", "nonReadyClusterCount", "nonReadyClusters", "display"},
	"gitrepos":      {"summary", "display", "readyClusters", "desiredReadyClusters", "resources", "resourceCounts", "perClusterResourceCounts"},
	"helmops":       {"summary", "display", "readyClusters", "desiredReadyClusters", "resources", "resourceCounts", "perClusterResourceCounts"},
	// No field of these is computed.
	"clusterregistrations": {}, "clusterregistrationtokens": {}, "imagescans": {}, "schedules": {},
}

// computedConditions are the types of conditions that the server computes; all others are kept.
var computedConditions = map[string][]string{
	"bundles": {"Ready", "Truncated"}, "clusters": {"Ready"}, "clustergroups": {"Ready", "Processed"},
	"gitrepos": {"Ready", "Truncated"}, "helmops": {"Ready", "Truncated"},
}

// theirConditions are conditions that gitjob, helmops and agentmanagement write.
var theirConditions = []string{"Imported", "Reconciled", "Processed", "Accepted", "GitPolling", "Polled", "Reconciling", "Stalled", "ImageSynced"}

// apart are fields with rules of their own, which other tests check: a Cluster's namespace moves
// its BundleDeployments, and conditions follow computedConditions.
var apart = []string{"clusters/namespace", "conditions"}

// leaf is a field of a status, with a value that it does not have yet.
type leaf struct {
	path  []string
	value any
}

func (l leaf) String() string { return strings.Join(l.path, ".") }

// under returns a status that holds only the leaf.
func (l leaf) under() map[string]any {
	out := map[string]any{}
	if err := unstructured.SetNestedField(out, runtime.DeepCopyJSONValue(l.value), l.path...); err != nil {
		panic(err)
	}
	return out
}

// leavesOf returns the fields of a struct. A list or a map counts as one field.
func leavesOf(t reflect.Type, path ...string) (out []leaf) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		at := append(slices.Clone(path), name)
		switch {
		case name == "":
			out = append(out, leavesOf(f.Type, path...)...)
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[metav1.Time]():
			out = append(out, leavesOf(f.Type, at...)...)
		default:
			out = append(out, leaf{at, filled(f.Type)})
		}
	}
	return out
}

// filled returns a JSON value of a type with no part left out.
func filled(t reflect.Type) any {
	switch t {
	case reflect.TypeFor[metav1.Time]():
		return "2026-01-02T03:04:05Z"
	case reflect.TypeFor[v1alpha1.Duration]():
		return "17m0s"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return filled(t.Elem())
	case reflect.Bool:
		return true
	case reflect.Int, reflect.Int32, reflect.Int64:
		return int64(7)
	case reflect.String:
		return "forged"
	case reflect.Slice:
		return []any{filled(t.Elem())}
	case reflect.Map:
		return map[string]any{"a/b": filled(t.Elem())}
	case reflect.Struct:
		out := map[string]any{}
		for _, l := range leavesOf(t) {
			_ = unstructured.SetNestedField(out, l.value, l.path...) // all levels are objects
		}
		return out
	}
	panic(t.String())
}

// theirs returns the part of an object's status that the server does not compute.
func theirs(k kind, o *unstructured.Unstructured) map[string]any {
	status, _, _ := unstructured.NestedMap(o.Object, "status")
	for _, field := range computedStatus[k.Plural] {
		delete(status, field)
	}
	conditions, _ := status["conditions"].([]any)
	status["conditions"] = byType(slices.DeleteFunc(conditions, func(c any) bool {
		return slices.Contains(computedConditions[k.Plural], c.(map[string]any)["type"].(string))
	}))
	return status
}

// byType sorts conditions. Their order has no meaning: a computed one comes after the others.
func byType(conditions []any) []any {
	slices.SortFunc(conditions, func(a, b any) int {
		return strings.Compare(a.(map[string]any)["type"].(string), b.(map[string]any)["type"].(string))
	})
	return conditions
}

// statusWrites are the statusWrites in which Fleet's programs write a status.
var statusWrites = map[string]func(t *testing.T, c dynamic.ResourceInterface, now *unstructured.Unstructured, status map[string]any) *unstructured.Unstructured{
	"an update": func(t *testing.T, c dynamic.ResourceInterface, now *unstructured.Unstructured, status map[string]any) *unstructured.Unstructured {
		t.Helper()
		sent := now.DeepCopy()
		have, _ := sent.Object["status"].(map[string]any)
		sent.Object["status"] = overlaid(have, status)
		return updateStatus(t, c, sent)
	},
	"a merge patch": func(t *testing.T, c dynamic.ResourceInterface, _ *unstructured.Unstructured, status map[string]any) *unstructured.Unstructured {
		t.Helper()
		return merge(t, c, "one", marshal(t, in("status", status)), "status")
	},
}

// overlaid returns a tree with the values of another over its own.
func overlaid(have, over map[string]any) map[string]any {
	out := maps.Clone(have)
	if out == nil {
		out = map[string]any{}
	}
	for name, value := range over {
		below, isTree := value.(map[string]any)
		there, wasTree := out[name].(map[string]any)
		if isTree && wasTree {
			value = overlaid(there, below)
		}
		out[name] = value
	}
	return out
}

// populate creates one object of each kind with a status, so that all roll-ups show something.
func populate(t *testing.T, s *server, ns string) {
	t.Helper()
	for _, plural := range slices.Sorted(maps.Keys(computedStatus)) {
		k := specimens[plural]
		o := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(k.spec)}
		o.SetName("one")
		o.SetLabels(map[string]string{"env": "prod"})
		if plural == "bundles" {
			continue
		}
		if plural == "clustergroups" {
			o.Object = in("spec", in("selector", in("matchLabels", members{"env": "prod"})))
			o.SetName("one")
		}
		o.SetGroupVersionKind(group.WithKind(kindNamed(plural)))
		create(t, s.resource(t, plural, ns), o)
	}
	for name, label := range map[string]string{"one": v1alpha1.LabelRepoName, "two": v1alpha1.LabelHelmOpName} {
		b := bundle(ns, name, "env", "prod")
		b.Labels = map[string]string{label: "one"}
		createBundle(t, s.clientset(t), b)
	}
}

// TestForeignStatusWritesKeepTheirsAndIgnoreOurs writes each field of each status, as the
// programs beside Muster do, which send whole statuses back.
func TestForeignStatusWritesKeepTheirsAndIgnoreOurs(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	populate(t, s, ns)
	forEachStoredKind(t, func(t *testing.T, k kind, _ dynamic.ResourceInterface) {
		if k.Status == nil {
			require.NotContains(t, computedStatus, k.Plural)
			return
		}
		require.Contains(t, computedStatus, k.Plural)
		c := s.resource(t, k.Plural, ns)
		w := watching(t, c, metav1.ListOptions{FieldSelector: "metadata.name=one", ResourceVersion: get(t, c, "one").GetResourceVersion()})
		ours, kept := 0, 0
		for _, l := range append(leavesOf(reflect.TypeOf(k.Status(k.New())).Elem()), conditionsOf(k)...) {
			if slices.Contains(apart, k.Plural+"/"+l.path[0]) || l.path[0] == "conditions" && l.value.([]any)[0].(map[string]any)["type"] == "forged" {
				continue
			}
			for how, write := range statusWrites {
				before := get(t, c, "one")
				value := l
				if l.path[0] == "conditions" {
					have, _, _ := unstructured.NestedSlice(before.Object, "status", "conditions")
					value = leaf{l.path, replacing(have, l.value.([]any)[0].(map[string]any))}
				}
				after := write(t, c, before, value.under())
				require.Equal(t, before.GetGeneration(), after.GetGeneration(), "%s, by %s", l, how)
				if isComputed(k, l) {
					ours++
					require.Equal(t, before, after, "%s is computed; by %s", l, how)
					continue
				}
				kept++
				want := theirs(k, before)
				if l.path[0] == "conditions" {
					want["conditions"] = byType(replacing(want["conditions"].([]any), l.value.([]any)[0].(map[string]any)))
				} else {
					want = overlaid(want, l.under())
				}
				require.Equal(t, want, theirs(k, after), "%s is theirs; by %s", l, how)
				require.NotEqual(t, before.GetResourceVersion(), after.GetResourceVersion(), "%s, by %s", l, how)
				require.Equal(t, after.GetResourceVersion(), w.expect(watch.Modified, "one").GetResourceVersion(), "%s, by %s", l, how)
				require.Equal(t, after, write(t, c, after, value.under()), "%s, a second time, by %s", l, how)
				// The next way finds the old value again.
				back := removed(before, after)
				require.Equal(t, theirs(k, before), theirs(k, merge(t, c, "one", marshal(t, back), "status")), "%s taken back", l)
				w.expect(watch.Modified, "one")
			}
		}
		require.Equal(t, len(computedStatus[k.Plural]) > 0, ours > 0)
		require.Positive(t, kept)
		// What was ignored made no event: this is the next one.
		merge(t, c, "one", `{"metadata":{"labels":{"mark":"x"}}}`)
		require.Equal(t, "x", w.expect(watch.Modified, "one").GetLabels()["mark"])
	})
}

// removed returns a merge patch from one object's status to that of another.
func removed(to, from *unstructured.Unstructured) map[string]any {
	have, _ := from.Object["status"].(map[string]any)
	want, _ := to.Object["status"].(map[string]any)
	patch := maps.Clone(want)
	if patch == nil {
		patch = map[string]any{}
	}
	for name, value := range have {
		switch there, was := want[name]; {
		case !was:
			patch[name] = nil
		default:
			below, isTree := value.(map[string]any)
			wanted, ok := there.(map[string]any)
			if isTree && ok {
				inner := maps.Clone(wanted)
				for member := range below {
					if _, stays := wanted[member]; !stays {
						inner[member] = nil
					}
				}
				patch[name] = inner
			}
		}
	}
	return in("status", patch)
}

// replacing returns conditions with one of them new.
func replacing(conditions []any, c map[string]any) []any {
	out := slices.Clone(conditions)
	at := slices.IndexFunc(out, func(have any) bool { return have.(map[string]any)["type"] == c["type"] })
	if at < 0 {
		return append(out, c)
	}
	out[at] = c
	return out
}

// conditionsOf returns a leaf for each type of condition that a kind's status may have.
func conditionsOf(k kind) (out []leaf) {
	for _, f := range leavesOf(reflect.TypeOf(k.Status(k.New())).Elem()) {
		if f.String() != "conditions" {
			continue
		}
		for _, name := range append(slices.Clone(theirConditions), computedConditions[k.Plural]...) {
			out = append(out, leaf{f.path, []any{map[string]any{
				"type": name, "status": "False", "reason": "Error", "message": "forged", "lastUpdateTime": "2026-01-02T03:04:05Z", "lastTransitionTime": "2026-01-02T03:04:06Z",
			}}})
		}
	}
	return out
}

func isComputed(k kind, l leaf) bool {
	if l.path[0] == "conditions" {
		return slices.Contains(computedConditions[k.Plural], l.value.([]any)[0].(map[string]any)["type"].(string))
	}
	return slices.Contains(computedStatus[k.Plural], l.path[0])
}

// TestAStaleStatusSentBackMakesNoEvent: a writer read the object before its roll-up changed,
// and sends all of it back.
func TestAStaleStatusSentBackMakesNoEvent(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	populate(t, s, ns)
	for i, plural := range []string{"gitrepos", "helmops", "clusters", "clustergroups", "bundles"} {
		c := s.resource(t, plural, ns)
		stale := get(t, c, "one")
		label(t, s.clientset(t), ns, "one", "env", []string{"test", "prod"}[i%2])
		now := get(t, c, "one")
		require.NotEqual(t, stale.Object["status"], now.Object["status"], plural)
		require.Equal(t, now, updateStatus(t, c, stale), plural)
		text, err := json.Marshal(in("status", stale.Object["status"].(map[string]any)))
		require.NoError(t, err)
		patched, err := c.Patch(t.Context(), "one", types.MergePatchType, text, metav1.PatchOptions{}, "status")
		require.NoError(t, err)
		require.Equal(t, now, patched, plural)
		require.Equal(t, now, get(t, c, "one"), plural)
	}
}
