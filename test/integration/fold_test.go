// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/replay"
)

// fold holds the objects of a client that applies a watch's events.
type fold struct {
	client   dynamic.ResourceInterface
	selector string
	items    map[string]unstructured.Unstructured
	revision int64
}

// byKey returns objects by namespace and name.
func byKey(items []unstructured.Unstructured) map[string]unstructured.Unstructured {
	out := map[string]unstructured.Unstructured{}
	for _, item := range items {
		out[item.GetNamespace()+"/"+item.GetName()] = item
	}
	return out
}

// run follows the watch until the fold holds the state at the goal, or later. It stops
// after random events, and resumes there.
func (f *fold) run(ctx context.Context, r *rand.Rand, goal <-chan int64) error {
	target := int64(-1)
	for target < 0 || f.revision < target {
		patience := 1 + r.IntN(60)
		w, err := f.client.Watch(ctx, metav1.ListOptions{LabelSelector: f.selector, ResourceVersion: strconv.FormatInt(f.revision, 10)})
		if err != nil {
			return err
		}
		for patience > 0 && (target < 0 || f.revision < target) {
			select {
			case e, ok := <-w.ResultChan():
				if !ok {
					patience = 0
					continue
				}
				if err := f.take(e); err != nil {
					w.Stop()
					return err
				}
				patience--
			case target = <-goal:
				goal = nil
			case <-ctx.Done():
				w.Stop()
				return fmt.Errorf("at revision %d of %d: %w", f.revision, target, context.Cause(ctx))
			}
		}
		w.Stop()
	}
	return nil
}

func (f *fold) take(e watch.Event) error {
	o, ok := e.Object.(*unstructured.Unstructured)
	if !ok || e.Type == watch.Error {
		return fmt.Errorf("the watch said %s %v", e.Type, e.Object)
	}
	revision, err := strconv.ParseInt(o.GetResourceVersion(), 10, 64)
	if err != nil {
		return err
	}
	if revision <= f.revision {
		return fmt.Errorf("an event at %d was followed by one at %d", f.revision, revision)
	}
	f.revision = revision
	key := o.GetNamespace() + "/" + o.GetName()
	if e.Type == watch.Deleted {
		delete(f.items, key)
		return nil
	}
	if have, ok := f.items[key]; ok && have.GetResourceVersion() == o.GetResourceVersion() && fmt.Sprint(have.Object) != fmt.Sprint(o.Object) {
		return fmt.Errorf("%s has two contents at revision %d", key, revision)
	}
	f.items[key] = *o
	return nil
}

// editor makes random edits that move BundleDeployments.
type editor struct {
	r  *rand.Rand
	c  versioned.Interface
	ns string
}

func (e *editor) edit(t *testing.T, i int) {
	t.Helper()
	where := name("c", e.r.IntN(5))
	bundles, clusters := e.c.FleetV1alpha1().Bundles(e.ns), e.c.FleetV1alpha1().Clusters(e.ns)
	switch e.r.IntN(8) {
	case 0:
		_ = clusters.Delete(t.Context(), where, metav1.DeleteOptions{}) // it may not exist
	case 1:
		_, _ = clusters.Create(t.Context(), cluster(e.ns, where, "env", "prod"), metav1.CreateOptions{}) // or it may exist
	case 2:
		_, _ = bundles.Patch(t.Context(), name("app", e.r.IntN(6)), types.MergePatchType, []byte(fmt.Sprintf(`{"spec":{"namespace":"n%d"}}`, e.r.IntN(3))), metav1.PatchOptions{})
	case 3:
		team := []string{"a", "b"}[e.r.IntN(2)]
		_, _ = bundles.Patch(t.Context(), name("app", e.r.IntN(6)), types.MergePatchType, []byte(`{"metadata":{"labels":{"team":"`+team+`"}}}`), metav1.PatchOptions{})
	case 4:
		_, _ = e.c.FleetV1alpha1().BundleDeployments(home(e.ns, where)).Patch(t.Context(), name("app", e.r.IntN(6)), types.MergePatchType,
			[]byte(fmt.Sprintf(`{"status":{"release":"r%d"}}`, i)), metav1.PatchOptions{}, "status")
	default:
		_, _ = tryLabel(t, e.c, e.ns, where, "env", []string{"prod", "test", "null"}[e.r.IntN(3)])
	}
}

func TestAFoldOfAnyWatchIsTheListAtItsRevision(t *testing.T) {
	t.Parallel()
	s, r := own(t), replay.Rand(t)
	c := s.clientset(t)
	for i := range 6 {
		b := templated("ns", name("app", i), "${ .ClusterLabels.env }", "env", []string{"prod", "test"}[i%2])
		b.Labels = map[string]string{"team": "a"}
		createBundle(t, c, b)
	}
	for i := range 5 {
		createCluster(t, c, cluster("ns", name("c", i), "env", "prod"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var folds []*fold
	for _, f := range []fold{
		{client: s.resource(t, "bundledeployments", "")},
		{client: s.resource(t, "bundledeployments", "")},
		{client: s.resource(t, "bundledeployments", ""), selector: "team=a"},
		{client: s.resource(t, "bundledeployments", home("ns", "c-001"))},
		{client: s.resource(t, "clusters", "")},
		{client: s.resource(t, "bundles", ""), selector: "team=a"},
	} {
		list := listOf(t, f.client, metav1.ListOptions{LabelSelector: f.selector})
		f.items, f.revision = byKey(list.Items), number(t, list.GetResourceVersion())
		folds = append(folds, &f)
	}
	var all sync.WaitGroup
	goals := make([]chan int64, len(folds))
	for i, f := range folds {
		goals[i] = make(chan int64, 1)
		own := rand.New(rand.NewPCG(r.Uint64(), 1))
		all.Go(func() {
			if err := f.run(ctx, own, goals[i]); err != nil {
				t.Errorf("reader %d: %v", i, err)
			}
		})
	}
	e := &editor{r: r, c: c, ns: "ns"}
	for i := range 500 {
		e.edit(t, i)
	}
	// Every reader sees these last edits, so each knows when it has everything.
	for i := range folds {
		createMark(t, c, i)
	}
	want := make([]map[string]unstructured.Unstructured, len(folds))
	for i, f := range folds {
		items := listOf(t, f.client, metav1.ListOptions{LabelSelector: f.selector}).Items
		want[i] = byKey(items)
		last := int64(0)
		for _, item := range items {
			last = max(last, number(t, item.GetResourceVersion()))
		}
		goals[i] <- last
	}
	all.Wait()
	for i, f := range folds {
		require.Equal(t, want[i], f.items, "reader %d", i)
	}
}

// createMark creates a Bundle for all Clusters, and a Cluster for it.
func createMark(t *testing.T, c versioned.Interface, i int) {
	t.Helper()
	if i == 0 {
		b := bundle("ns", "mark")
		b.Labels = map[string]string{"team": "a"}
		createBundle(t, c, b)
	}
	_, _ = c.FleetV1alpha1().Clusters("ns").Create(t.Context(), cluster("ns", "c-001"), metav1.CreateOptions{}) // it may exist
	createCluster(t, c, cluster("ns", name("mark", i)))
}
