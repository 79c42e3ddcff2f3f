// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestWatchesBeginWhereTheyAreAskedTo(t *testing.T) {
	t.Parallel()
	s := own(t)
	no := false
	type begun struct {
		title string
		after string
		*stream
	}
	var live []begun
	for plural, h := range histories(t, s) {
		now := h.last()
		for title, options := range map[string]metav1.ListOptions{
			"from nowhere":          {},
			"from any state":        {ResourceVersion: "0"},
			"with the initial ones": initial(""),
			"with any initial ones": initial("0"),
			"not older than now":    initial(now.GetResourceVersion()),
			"not older than before": initial(h.lists[0].GetResourceVersion()),
		} {
			w := watching(t, h.client, options)
			for i := range now.Items {
				e, o := w.next()
				require.Equal(t, watch.Added, e.Type)
				require.Equal(t, now.Items[i], *o, "%s %s", plural, title)
			}
			live = append(live, begun{plural + " " + title, now.GetResourceVersion(), w})
		}
		// These do not begin with existing objects.
		for title, options := range map[string]metav1.ListOptions{
			"from now":                              {ResourceVersion: now.GetResourceVersion()},
			"without initial ones, from nowhere":    {SendInitialEvents: &no, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan},
			"without initial ones, from any state":  {SendInitialEvents: &no, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, ResourceVersion: "0"},
			"without initial ones, from a revision": {SendInitialEvents: &no, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, ResourceVersion: now.GetResourceVersion()},
		} {
			live = append(live, begun{plural + " " + title, now.GetResourceVersion(), watching(t, h.client, options)})
		}
		// From any past state, the events lead to the current one.
		for _, then := range h.lists {
			f := &fold{items: byKey(then.Items), revision: number(t, then.GetResourceVersion())}
			w := watching(t, h.client, metav1.ListOptions{ResourceVersion: then.GetResourceVersion()})
			live = append(live, begun{plural + " from the past", "", w})
			want := byKey(now.Items)
			for !reflect.DeepEqual(want, f.items) {
				require.NoError(t, f.take(w.raw()))
			}
		}
	}
	// The next edit is the next event of all.
	c := s.clientset(t)
	createBundle(t, c, bundle("other", "mark"))
	createCluster(t, c, cluster("other", "mark"))
	for _, w := range live {
		if w.after == "" {
			continue // it may first deliver some earlier events
		}
		e, _ := w.next()
		require.Equal(t, "mark", e.Name, w.title)
		require.Greater(t, number(t, e.Revision), number(t, w.after), w.title)
	}
}

func TestTheInitialEventsEndWithABookmarkOfTheGlobalRevision(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	createBundle(t, c, bundle("ns", "app", "env", "prod"))
	createCluster(t, c, cluster("ns", "c1", "env", "prod"))
	// Something happens outside the watch's scope.
	createCluster(t, c, cluster("ns", "c2"))
	label(t, c, "ns", "c2", "colour", "red")
	client := s.resource(t, "bundledeployments", home("ns", "c1"))
	added, revision := watching(t, client, initial("")).untilBookmark()
	require.Len(t, added, 1)
	require.Equal(t, whole(s.revision(t)), revision)
	require.Less(t, number(t, added[0].GetResourceVersion()), number(t, revision))
	// Without allowWatchBookmarks no bookmark comes, but events do.
	options := initial("")
	options.AllowWatchBookmarks = false
	w := watching(t, client, options)
	w.expect(watch.Added, "app")
	createBundle(t, c, bundle("ns", "mark"))
	require.Equal(t, watch.Added, w.raw().Type)
}

func TestBookmarksInAQuietScopeCarryTheCurrentRevision(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	createCluster(t, c, cluster("ns", "c1"))
	seconds := int64(4) // a bookmark comes two seconds before the end
	w := watching(t, s.resource(t, "bundledeployments", "quiet"), metav1.ListOptions{AllowWatchBookmarks: true, ResourceVersion: whole(1), TimeoutSeconds: &seconds})
	label(t, c, "ns", "c1", "colour", "red")
	want := s.revision(t)
	e := w.raw()
	require.Equal(t, watch.Bookmark, e.Type)
	bookmark, ok := e.Object.(metav1.Object)
	require.True(t, ok)
	require.Equal(t, whole(want), bookmark.GetResourceVersion())
	require.Empty(t, bookmark.GetAnnotations())
}

func TestEnteringASelectorIsAddedAndLeavingItIsDeleted(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	createCluster(t, c, cluster(ns, "c1"))
	b := bundle(ns, "app")
	b.Labels = map[string]string{"team": "a"}
	createBundle(t, c, b)
	relabel := func(team string) string {
		return merge(t, c.FleetV1alpha1().Bundles(ns), "app", `{"metadata":{"labels":{"team":"`+team+`"}}}`).ResourceVersion
	}
	for plural, where := range map[string]string{"bundledeployments": home(ns, "c1"), "bundles": ns} {
		w := watching(t, s.resource(t, plural, where), metav1.ListOptions{LabelSelector: "team=a"})
		w.expect(watch.Added, "app")
		left := relabel("b")
		gone := w.expect(watch.Deleted, "app")
		require.Equal(t, left, gone.GetResourceVersion(), "an object that leaves carries the revision at which it leaves")
		require.Equal(t, "a", gone.GetLabels()["team"], "and its old labels")
		relabel("c")
		entered := relabel("a")
		back := w.expect(watch.Added, "app")
		require.Equal(t, entered, back.GetResourceVersion())
	}
}

func TestADeletedEventCarriesTheLastContentAndTheRevisionOfTheEnd(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	createBundle(t, c, bundle(ns, "app", "env", "prod"))
	createCluster(t, c, cluster(ns, "c1", "env", "prod"))
	where := home(ns, "c1")
	last := get(t, s.resource(t, "bundledeployments", where), "app")
	// All of it, one namespace, one name: each watch sees the same.
	deployments := []*stream{
		watching(t, s.resource(t, "bundledeployments", ""), metav1.ListOptions{LabelSelector: v1alpha1.LabelBundleNamespace + "=" + ns}),
		watching(t, s.resource(t, "bundledeployments", where), metav1.ListOptions{}),
		watching(t, s.resource(t, "bundledeployments", where), metav1.ListOptions{FieldSelector: "metadata.name=app"}),
	}
	for _, w := range deployments {
		w.expect(watch.Added, "app")
	}
	end := label(t, c, ns, "c1", "env", "test").ResourceVersion
	last.SetResourceVersion(end)
	for _, w := range deployments {
		require.Equal(t, last, w.expect(watch.Deleted, "app"))
	}

	stored := watching(t, s.resource(t, "clusters", ns), metav1.ListOptions{})
	stored.expect(watch.Added, "c1")
	was := get(t, s.resource(t, "clusters", ns), "c1")
	require.NoError(t, c.FleetV1alpha1().Clusters(ns).Delete(t.Context(), "c1", metav1.DeleteOptions{}))
	gone := stored.expect(watch.Deleted, "c1")
	require.Greater(t, number(t, gone.GetResourceVersion()), number(t, was.GetResourceVersion()))
	gone.SetResourceVersion(was.GetResourceVersion())
	require.Equal(t, was, gone)
}

func TestAWatchOfOneNameSeesNothingElse(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	createCluster(t, c, cluster(ns, "c1"))
	for _, b := range []string{"app", "app1", "ap"} {
		createBundle(t, c, bundle(ns, b))
	}
	w := watching(t, s.resource(t, "bundledeployments", home(ns, "c1")), metav1.ListOptions{FieldSelector: "metadata.name=app"})
	w.expect(watch.Added, "app")
	for _, b := range []string{"app1", "ap", "app"} {
		require.NoError(t, c.FleetV1alpha1().Bundles(ns).Delete(t.Context(), b, metav1.DeleteOptions{}))
	}
	w.expect(watch.Deleted, "app")
}

func TestAReaderThatNeverReadsDelaysNoOtherReader(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	createBundle(t, c, bundle("ns", "app"))
	// Large objects fill the sockets' buffers soon.
	big := cluster("ns", "c1")
	big.Annotations = map[string]string{"note": strings.Repeat("x", 200<<10)}
	createCluster(t, c, big)
	for range 20 {
		watching(t, s.resource(t, "clusters", ""), metav1.ListOptions{}) // never read
	}
	w := watching(t, s.resource(t, "clusters", ""), metav1.ListOptions{})
	w.expect(watch.Added, "c1")
	for i := range 100 {
		want := label(t, c, "ns", "c1", "i", name("v", i)).ResourceVersion
		require.Equal(t, want, w.expect(watch.Modified, "c1").GetResourceVersion())
	}
}
