// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// within bounds every wait for something that must happen soon.
const within = 30 * time.Second

// following is an open watch.
type following struct {
	t *testing.T
	watch.Interface
}

func (f *fleet) watch(t *testing.T, ctx context.Context, key string, options storage.ListOptions) *following {
	t.Helper()
	options.Recursive = true
	w, err := f.deployments.Watch(ctx, key, options)
	require.NoError(t, err)
	t.Cleanup(w.Stop)
	return &following{t, w}
}

func (w *following) next() watch.Event {
	w.t.Helper()
	select {
	case e, ok := <-w.ResultChan():
		require.True(w.t, ok, "the watch ended")
		return e
	case <-time.After(within):
		require.FailNow(w.t, "no event came")
		return watch.Event{}
	}
}

// seen holds an event in a form that is easily compared.
type seen struct {
	kind watch.EventType
	key  string
	// revision is the revision of the change, or 0 for an object that existed before.
	revision int64
}

// require compares the next events.
func (w *following) require(f *fleet, want ...seen) {
	w.t.Helper()
	for _, expected := range want {
		e := w.next()
		o, ok := e.Object.(metav1.Object)
		require.True(w.t, ok, "%v", e.Object)
		got := seen{e.Type, keyOfObject(o), f.number(o.GetResourceVersion())}
		if expected.revision == 0 {
			got.revision = 0
		}
		require.Equal(w.t, expected, got)
	}
}

// requireEnd returns the error that ends the watch.
func (w *following) requireEnd() error {
	w.t.Helper()
	e := w.next()
	require.Equal(w.t, watch.Error, e.Type, "%v", e.Object)
	select {
	case more, ok := <-w.ResultChan():
		require.False(w.t, ok, "after the error came %v", more)
	case <-time.After(within):
		require.FailNow(w.t, "the watch did not end after the error")
	}
	return apierrors.FromObject(e.Object)
}

// requireBookmark checks that the next event is a bookmark that carries nothing else.
func (w *following) requireBookmark(revision int64, endOfInitial bool) {
	w.t.Helper()
	want := &v1alpha1.BundleDeployment{}
	want.ResourceVersion = text(revision)
	if endOfInitial {
		want.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	}
	e := w.next()
	require.Equal(w.t, watch.Bookmark, e.Type)
	got := e.Object.(*v1alpha1.BundleDeployment).DeepCopy()
	got.TypeMeta = metav1.TypeMeta{}
	require.Equal(w.t, want, got)
}

func events(kind watch.EventType, revision int64, keys ...string) []seen {
	var out []seen
	for _, key := range keys {
		out = append(out, seen{kind, key, revision})
	}
	return out
}

// TestWatchesOfBundleDeploymentsBeginAsAsked covers the whole table: the revision, the state
// as events or not, bookmarks or not, and the scope.
func TestWatchesOfBundleDeploymentsBeginAsAsked(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	type want int
	const (
		initial want = iota // the existing objects, then new events
		missed              // events since the revision, then new events
		live                // new events
		expired
		tooLarge
	)
	for _, c := range []struct {
		name string
		from string
		send *bool
		want want
	}{
		{"unset", "", nil, initial},
		{"unset, with initial events", "", &yes, initial},
		{"unset, without initial events", "", &no, live},
		{"0", "0", nil, initial},
		{"0, with initial events", "0", &yes, initial},
		{"0, without initial events", "0", &no, live},
		{"past", "past", nil, missed},
		{"past, with initial events", "past", &yes, initial},
		{"past, without initial events", "past", &no, missed},
		{"present", "present", nil, live},
		{"present, with initial events", "present", &yes, initial},
		{"compacted", "compacted", nil, expired},
		{"compacted, with initial events", "compacted", &yes, initial},
		{"compacted, without initial events", "compacted", &no, expired},
		{"future", "future", nil, tooLarge},
		{"future, with initial events", "future", &yes, tooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := grownFleet(t)
			compacted := f.setCluster("c2", "test")
			begin := f.setCluster("c2", "prod")
			f.compact(begin)
			// A replica does not know what changed in the revision that it loaded: a client
			// that watches from there lists again.
			past := f.setBundle("aside", "nowhere", "red")
			left, entered := f.setCluster("c2", "test"), f.setCluster("c2", "prod")
			present := f.setBundle("elsewhere", "nowhere", "red") // out of every scope below
			from := map[string]string{"past": text(past), "present": text(present), "compacted": text(compacted), "future": text(present + 1_000_000)}
			from[""], from["0"] = "", "0"
			type watched struct {
				*following
				keys      []string
				bookmarks bool
			}
			var all []watched
			for _, in := range []struct{ key, namespace, team, field string }{
				{everything, "", "", ""},
				{everything, "", "blue", ""},
				{everything + "/" + home("c2"), home("c2"), "", ""},
				{everything, home("c2"), "", "metadata.namespace=" + home("c2")},
				{everything + "/" + home("c1"), home("c1"), "", ""},
			} {
				for _, bookmarks := range []bool{false, true} {
					options := storage.ListOptions{ResourceVersion: from[c.from], SendInitialEvents: c.send, Predicate: selecting(in.team, in.field)}
					options.Predicate.AllowWatchBookmarks = bookmarks
					all = append(all, watched{f.watch(t, t.Context(), in.key, options), f.at(present, in.namespace, in.team), bookmarks})
				}
			}
			moved := func(keys []string) (out []string) {
				for _, key := range keys {
					if slices.Contains(f.at(present, home("c2"), ""), key) {
						out = append(out, key)
					}
				}
				return out
			}
			for _, w := range all {
				switch c.want {
				case initial:
					w.require(f, events(watch.Added, 0, w.keys...)...)
					if c.send != nil && w.bookmarks {
						w.requireBookmark(present, true)
					}
				case missed:
					w.require(f, events(watch.Deleted, left, moved(w.keys)...)...)
					w.require(f, events(watch.Added, entered, moved(w.keys)...)...)
				case expired:
					requireExpired(t, w.requireEnd())
				case tooLarge:
					requireTooLarge(t, w.requireEnd())
				}
			}
			if c.want == expired || c.want == tooLarge {
				return
			}
			again := f.setCluster("c2", "test")
			last := f.setBundle("app", "nowhere", "blue")
			for _, w := range all {
				w.require(f, events(watch.Deleted, again, moved(w.keys)...)...)
				var others []string
				for _, key := range w.keys {
					if slices.Contains([]string{keyOf("c1", "app"), keyOf("c3", "app")}, key) {
						others = append(others, key)
					}
				}
				w.require(f, events(watch.Deleted, last, others...)...)
			}
		})
	}
}

func TestABookmarkShowsHowFarAWatchIs(t *testing.T) {
	t.Parallel()
	f := grownFleet(t)
	from := f.present()
	// A bookmark comes some time before the end of a watch.
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	options := storage.ListOptions{ResourceVersion: text(from), Predicate: selecting("", "")}
	options.Predicate.AllowWatchBookmarks = true
	w := f.watch(t, ctx, everything+"/"+home("c1"), options)
	elsewhere := f.setCluster("c2", "test")
	w.requireBookmark(elsewhere, false)
}

func TestObjectsThatEnterAndLeaveASelection(t *testing.T) {
	t.Parallel()
	f := grownFleet(t)
	// Changes that share a revision are repeated to a client that resumes at it. This test
	// covers other cases.
	from := f.setBundle("elsewhere", "nowhere", "red")
	every := func(bundle string) []string {
		return []string{keyOf("c1", bundle), keyOf("c2", bundle), keyOf("c3", bundle)}
	}
	watches := map[string]*following{}
	for name, in := range map[string]struct{ key, team, field string }{
		"everything":        {everything, "", ""},
		"red":               {everything, "red", ""},
		"blue":              {everything, "blue", ""},
		"app":               {everything, "", "metadata.name=app"},
		"red apps in c1":    {everything + "/" + home("c1"), "red", "metadata.name=app"},
		"all but app in c1": {everything + "/" + home("c1"), "", "metadata.name!=app"},
	} {
		watches[name] = f.watch(t, t.Context(), in.key, storage.ListOptions{ResourceVersion: text(from), Predicate: selecting(in.team, in.field)})
	}
	blue := f.setBundle("app", "prod", "blue")
	red := f.setBundle("app", "prod", "red")
	gone := f.setCluster("c1", "test")
	mark := f.setBundle("mark", "test", "red") // on c1 alone
	for name, want := range map[string][]seen{
		"everything": slices.Concat(events(watch.Modified, blue, every("app")...), events(watch.Modified, red, every("app")...),
			events(watch.Deleted, gone, keyOf("c1", "app"), keyOf("c1", "web")), events(watch.Added, mark, keyOf("c1", "mark"))),
		"red": slices.Concat(events(watch.Deleted, blue, every("app")...), events(watch.Added, red, every("app")...),
			events(watch.Deleted, gone, keyOf("c1", "app")), events(watch.Added, mark, keyOf("c1", "mark"))),
		"blue": slices.Concat(events(watch.Added, blue, every("app")...), events(watch.Deleted, red, every("app")...),
			events(watch.Deleted, gone, keyOf("c1", "web"))),
		"app": slices.Concat(events(watch.Modified, blue, every("app")...), events(watch.Modified, red, every("app")...),
			events(watch.Deleted, gone, keyOf("c1", "app"))),
		"red apps in c1": slices.Concat(events(watch.Deleted, blue, keyOf("c1", "app")), events(watch.Added, red, keyOf("c1", "app")),
			events(watch.Deleted, gone, keyOf("c1", "app"))),
		"all but app in c1": slices.Concat(events(watch.Deleted, gone, keyOf("c1", "web")), events(watch.Added, mark, keyOf("c1", "mark"))),
	} {
		t.Log(name)
		watches[name].require(f, want...)
	}
}

func TestADeletedObjectIsShownAsItWasLast(t *testing.T) {
	t.Parallel()
	f := grownFleet(t)
	from, was := f.present(), f.get(keyOf("c1", "app"))
	one, err := f.deployments.Watch(t.Context(), keyOf("c1", "app"), storage.ListOptions{ResourceVersion: text(from), Predicate: selecting("", "")})
	require.NoError(t, err)
	defer one.Stop()
	w := &following{t, one}
	f.setBundle("ap", "prod", "red") // a prefix of the watched name
	f.deleteCluster("c2")
	end := f.deleteCluster("c1")
	e := w.next()
	require.Equal(t, watch.Deleted, e.Type)
	was.ResourceVersion = (view.VersionAt(end) - 1).String() // one other of its BundleDeployments is deleted after it
	require.Equal(t, was, e.Object.DeepCopyObject())
}
