// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

// TestAGitJobStartsExactlyWhenItShould walks through the life of a GitRepo with the writes of
// gitjob (S 10.1), and asks before each step whether gitjob would start a Job.
func TestAGitJobStartsExactlyWhenItShould(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.resource(t, "gitrepos", ns)
	createCluster(t, s.clientset(t), cluster(ns, "one", "env", "prod"))
	create(t, c, parsed(t, "gitrepos", "one", `{spec: {repo: "https://git.example.com/x", branch: main}}`))
	var ran string // the commit of the last Job
	starts := func(o *unstructured.Unstructured) bool {
		number := func(path ...string) int64 { n, _, _ := unstructured.NestedInt64(o.Object, path...); return n }
		commit, _, _ := unstructured.NestedString(o.Object, "status", "pollingCommit")
		return o.GetGeneration() != number("status", "observedGeneration") ||
			number("spec", "forceSyncGeneration") != number("status", "updateGeneration") || commit != ran
	}
	status := func(text string) { merge(t, c, "one", `{"status":`+text+`}`, "status") }
	// job does what gitjob does with a Job: it notes what the Job was started for.
	job := func() {
		o := get(t, c, "one")
		ran, _, _ = unstructured.NestedString(o.Object, "status", "pollingCommit")
		force, _, _ := unstructured.NestedInt64(o.Object, "spec", "forceSyncGeneration")
		next := o.DeepCopy()
		require.NoError(t, unstructured.SetNestedField(next.Object, o.GetGeneration(), "status", "observedGeneration"))
		require.NoError(t, unstructured.SetNestedField(next.Object, force, "status", "updateGeneration"))
		require.NoError(t, unstructured.SetNestedField(next.Object, ran, "status", "commit"))
		updateStatus(t, c, next)
		status(`{"gitJobStatus":"Current"}`)
	}
	for _, step := range []struct {
		what   string
		do     func()
		starts bool
		// raises is by how much the generation rises.
		raises int64
	}{
		{what: "it is new", do: func() {}, starts: true},
		{what: "a finalizer", do: func() {
			o := get(t, c, "one")
			o.SetFinalizers([]string{"fleet.cattle.io/gitrepo-finalizer"})
			update(t, c, o)
		}},
		{what: "hashes of Secrets", do: func() { merge(t, c, "one", `{"metadata":{"annotations":{"fleet.cattle.io/client-secret-hash":"x"}}}`) }},
		{what: "a label", do: func() { merge(t, c, "one", `{"metadata":{"labels":{"a":"b"}}}`) }},
		{what: "defaults of restrictions, written back", do: func() {
			o := get(t, c, "one")
			require.NoError(t, unstructured.SetNestedField(o.Object, "deployer", "spec", "serviceAccount"))
			update(t, c, o)
		}, starts: true, raises: 1},
		{what: "the same defaults again", do: func() { update(t, c, get(t, c, "one")) }},
		{what: "a poll without news", do: func() {
			status(`{"lastPollingTriggered":"2026-01-02T03:04:05Z","conditions":[{"type":"GitPolling","status":"True"}]}`)
		}},
		{what: "a commit", do: func() { status(`{"pollingCommit":"c1"}`) }, starts: true},
		{what: "the Bundles of that commit", do: func() {
			b := bundle(ns, "app", "env", "prod")
			b.Labels = map[string]string{v1alpha1.LabelRepoName: "one", v1alpha1.LabelCommit: "c1"}
			createBundle(t, s.clientset(t), b)
		}},
		{what: "an agent's report", do: func() {
			merge(t, s.resource(t, "bundledeployments", home(ns, "one")), "app", `{"status":{"ready":true}}`, "status")
		}},
		{what: "a label of a Cluster", do: func() { label(t, s.clientset(t), ns, "one", "env", "test") }},
		{what: "a forced sync", do: func() { merge(t, c, "one", `{"spec":{"forceSyncGeneration":1}}`) }, starts: true, raises: 1},
		{what: "a pause", do: func() { merge(t, c, "one", `{"spec":{"paused":true}}`) }, starts: true, raises: 1},
		{what: "an explicit zero in the place of a value", do: func() { merge(t, c, "one", `{"spec":{"paused":false}}`) }, starts: true, raises: 1},
		{what: "an explicit zero in the place of none, as with a CRD", do: func() { merge(t, c, "one", `{"spec":{"disablePolling":false}}`) }, starts: true, raises: 1},
		{what: "a failed Job", do: func() { status(`{"gitJobStatus":"Failed","conditions":[{"type":"Stalled","status":"True"}]}`) }},
		{what: "a deletion that a finalizer holds", do: func() { require.NoError(t, c.Delete(t.Context(), "one", metav1.DeleteOptions{})) }, starts: true, raises: 1},
	} {
		before := get(t, c, "one").GetGeneration()
		step.do()
		o := get(t, c, "one")
		require.Equal(t, step.starts, starts(o), step.what)
		require.Equal(t, before+step.raises, o.GetGeneration(), step.what)
		if step.starts {
			job()
			require.False(t, starts(get(t, c, "one")), "after %s", step.what)
		}
	}
}

// TestTheGenerationCountsChangesOutsideMetadataAndStatus sends random writes to every kind.
func TestTheGenerationCountsChangesOutsideMetadataAndStatus(t *testing.T) {
	t.Parallel()
	seeds := replay.Rand(t)
	random := map[string]*rand.Rand{}
	for _, plural := range slices.Sorted(maps.Keys(specimens)) {
		random[plural] = rand.New(rand.NewPCG(seeds.Uint64(), 0))
	}
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		r, raised, same := random[k.Plural], 0, 0
		create(t, c, k.object("one"))
		for range 40 {
			before := get(t, c, "one")
			what := r.IntN(7)
			switch what {
			case 0:
				update(t, c, k.changed(before))
			case 1:
				merge(t, c, "one", marshal(t, k.spec))
			case 2:
				merge(t, c, "one", marshal(t, in("metadata", in("annotations", members{"a": fmt.Sprint(r.IntN(3))}))))
			case 3:
				before.SetFinalizers(some(r, append(slices.Clone(fleets), others...)...))
				update(t, c, before)
			case 4:
				o := k.object("one")
				o.SetLabels(map[string]string{"l": fmt.Sprint(r.IntN(3))})
				_, err := c.Apply(t.Context(), "one", o, metav1.ApplyOptions{FieldManager: "me", Force: true})
				require.NoError(t, err)
			case 5:
				if k.status != nil {
					updateStatus(t, c, k.reported(before))
				}
			case 6:
				if k.status != nil {
					for member := range k.status {
						_, err := c.Patch(t.Context(), "one", types.MergePatchType, marshal(t, in("status", members{member: nil})), metav1.PatchOptions{}, "status")
						require.NoError(t, err)
					}
				}
			}
			after := get(t, c, "one")
			if reflect.DeepEqual(body(before), body(after)) {
				same++
				require.Equal(t, before.GetGeneration(), after.GetGeneration(), "write %d", what)
			} else {
				raised++
				require.Equal(t, before.GetGeneration()+1, after.GetGeneration(), "write %d", what)
			}
		}
		require.Positive(t, raised)
		require.Positive(t, same)
	})
}
