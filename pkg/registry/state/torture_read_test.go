// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"context"
	"fmt"
	"math"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// lists are the kinds that are read: all from which something is derived, and all that are
// derived.
var lists = map[string]func() runtime.Object{
	record.Bundles:           func() runtime.Object { return &v1alpha1.BundleList{} },
	record.BundleDeployments: func() runtime.Object { return &v1alpha1.BundleDeploymentList{} },
	record.Clusters:          func() runtime.Object { return &v1alpha1.ClusterList{} },
	record.ClusterGroups:     func() runtime.Object { return &v1alpha1.ClusterGroupList{} },
	record.Mappings:          func() runtime.Object { return &v1alpha1.BundleNamespaceMappingList{} },
	record.Restrictions:      func() runtime.Object { return &v1alpha1.GitRepoRestrictionList{} },
	record.Policies:          func() runtime.Object { return &v1alpha1.PolicyList{} },
	record.GitRepos:          func() runtime.Object { return &v1alpha1.GitRepoList{} },
	record.HelmOps:           func() runtime.Object { return &v1alpha1.HelmOpList{} },
}

// selection is what a list or a watch requests.
type selection struct {
	resource, namespace string
	selector            labels.Selector
}

func (s selection) String() string {
	return fmt.Sprintf("%s in %q that are %v", s.resource, s.namespace, s.selector)
}

func (s selection) key() string {
	if s.namespace == "" {
		return "/" + s.resource
	}
	return "/" + s.resource + "/" + s.namespace
}

func (s selection) predicate() storage.SelectionPredicate {
	p := storage.SelectionPredicate{Label: labels.Everything(), Field: fields.Everything()}
	if s.selector != nil {
		p.Label = s.selector
	}
	return p
}

// of returns what it selects.
func (s selection) of(tables state.Tables) map[record.Name]string {
	out := map[record.Name]string{}
	for name, row := range tables[s.resource] {
		if (s.namespace == "" || s.namespace == name.Namespace) && (s.selector == nil || s.selector.Matches(labels.Set(row.Labels))) {
			out[name] = row.Text
		}
	}
	return out
}

// selection returns a random selection, usually of BundleDeployments.
func (h *tortured) selection() selection {
	resources := []string{
		record.BundleDeployments, record.BundleDeployments, record.BundleDeployments, record.BundleDeployments, record.Clusters, record.Clusters, record.Bundles, record.ClusterGroups,
		record.Mappings, record.Restrictions, record.Policies, record.GitRepos, record.HelmOps,
	}
	s := selection{resource: resources[h.IntN(len(resources))]}
	if h.oneIn(3) {
		s.namespace = []string{"n1", "n2"}[h.IntN(2)]
		if s.resource == record.BundleDeployments {
			s.namespace = names.ClusterNamespace(s.namespace, []string{"c1", "c2", "c3"}[h.IntN(3)])
		}
	}
	if h.oneIn(3) {
		selectors := []string{"env=x", "env", "!tier", "tier notin (x)", "fleet.cattle.io/bundle-name=a", "fleet.cattle.io/bundle-name=a,fleet.cattle.io/bundle-namespace=n1", "fleet.cattle.io/cluster=c1,fleet.cattle.io/cluster-namespace=n2"}
		s.selector, _ = labels.Parse(selectors[h.IntN(len(selectors))])
	}
	return s
}

// page is one answer.
type page struct {
	rows     map[record.Name]string
	revision int64
	next     string
}

func (h *tortured) page(r *replica, s selection, resourceVersion string, match metav1.ResourceVersionMatch, limit int64, next string) (page, error) {
	ctx, cancel := context.WithTimeout(h.ctx, deadline)
	if r.away {
		cancel()
		ctx, cancel = context.WithTimeout(h.ctx, 20*time.Millisecond)
	}
	defer cancel()
	options := storage.ListOptions{ResourceVersion: resourceVersion, ResourceVersionMatch: match, Predicate: s.predicate(), Recursive: true}
	options.Predicate.Limit, options.Predicate.Continue = limit, next
	list := lists[s.resource]()
	if err := r.stores[s.resource].GetList(ctx, s.key(), options, list); err != nil {
		return page{}, err
	}
	accessor, err := meta.ListAccessor(list)
	h.must(err == nil, "%v", err)
	at := version(accessor.GetResourceVersion())
	h.must(at.Whole(), "a list of %s is at %s, within a revision", s.resource, at)
	out := page{map[record.Name]string{}, at.Revision(), accessor.GetContinue()}
	err = meta.EachListItem(list, func(object runtime.Object) error {
		item := object.(record.APIObject)
		name := record.Name{Namespace: item.GetNamespace(), Name: item.GetName()}
		h.must(version(item.GetResourceVersion()) <= at, "%s %s is at %s, in a list at %s", s.resource, name, item.GetResourceVersion(), at)
		out.rows[name] = h.model.Text(item)
		return nil
	})
	h.must(err == nil, "%v", err)
	return out, nil
}

// list reads once, at some revision, from some replica.
func (h *tortured) list() {
	r, s := h.replicas[h.IntN(len(h.replicas))], h.selection()
	limit := int64([]int{0, 0, 1, 2, 3}[h.IntN(5)])
	least, most, at, match := int64(0), int64(1<<62), "", metav1.ResourceVersionMatch("")
	some := func() (int64, string) {
		revision := int64(1)
		if len(h.revisions) > 0 {
			revision = h.revisions[h.IntN(len(h.revisions))]
		}
		return revision, view.VersionAt(revision).String()
	}
	switch h.IntN(4) {
	case 0:
		least = h.last()
	case 1:
		at = "0"
	case 2:
		least, at = some()
		most, match = least, metav1.ResourceVersionMatchExact
	case 3:
		least, at = some()
		match = metav1.ResourceVersionMatchNotOlderThan
	}
	h.lists.Add(1)
	rows := map[record.Name]string{}
	for next := ""; ; at, match = "", "" {
		p, err := h.page(r, s, at, match, limit, next)
		if err != nil {
			h.refused.Add(1)
			h.excused(r, most, err)
			return
		}
		h.pages.Add(1)
		h.must(p.revision >= least && p.revision <= most, "a list that is to be at %d to %d is at %d", least, most, p.revision)
		least, most = p.revision, p.revision // the next pages too
		for name, text := range p.rows {
			_, twice := rows[name]
			h.must(!twice, "a list has %s twice", name)
			rows[name] = text
		}
		if next = p.next; next == "" {
			break
		}
	}
	h.same(rows, s.of(h.at(least)), "the list of %s at %d", s, least)
}

// excused reports whether a read may fail with an error. It may never claim that something
// does not exist.
func (h *tortured) excused(r *replica, revision int64, err error) {
	switch {
	case apierrors.IsResourceExpired(err):
		v, none := r.engine.Current()
		// The oldest revision can be listed, but a watch from it may miss a part of it.
		h.must(none == nil && revision <= v.Oldest, "revision %d is said to be gone, and the oldest is %d: %v", revision, v.Oldest, err)
	case apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err), apierrors.IsTooManyRequests(err), apierrors.IsServerTimeout(err):
	default:
		h.must(r.away && h.ctx.Err() == nil && err != nil && apierrors.ReasonForError(err) == metav1.StatusReasonUnknown, "a read failed with %v", err)
	}
}

// watcher is a client that folds the events of one selection after the other.
type watcher struct {
	selection
	h  *tortured
	on *replica
	w  watch.Interface
	// folded holds the state after all events so far. at is the version of the last one.
	folded map[record.Name]string
	at     view.Version
	// synced reports that the initial events are complete.
	synced bool
	// stuck reports that the watch is not read.
	stuck bool
}

func (h *tortured) watch() {
	w := &watcher{selection: h.selection(), h: h, stuck: h.oneIn(5)}
	h.watchers = append(h.watchers, w)
	h.watches.Add(1)
	w.resume()
}

func (w *watcher) closed() bool { return w.w == nil }

func (w *watcher) close() {
	if w.w != nil {
		w.w.Stop()
		w.w = nil
	}
}

// interrupt loses what was not read, and continues anywhere. What was read may end within a
// revision.
func (w *watcher) interrupt() {
	if w.h.oneIn(2) {
		w.drain(0)
	} else {
		w.readInto()
	}
	w.close()
	w.resume()
}

// resume starts it, or continues where it is, on some replica.
func (w *watcher) resume() {
	w.on = w.h.replicas[w.h.IntN(len(w.h.replicas))]
	options := storage.ListOptions{Predicate: w.predicate(), Recursive: true}
	options.Predicate.AllowWatchBookmarks = true
	if w.synced {
		w.h.resumed.Add(1)
		options.ResourceVersion = w.at.String()
		if !w.at.Whole() {
			w.h.within.Add(1)
		}
	} else {
		initial := true
		options.SendInitialEvents, options.ResourceVersionMatch = &initial, metav1.ResourceVersionMatchNotOlderThan
		w.folded, w.at = map[record.Name]string{}, 0
	}
	started, err := w.on.stores[w.resource].Watch(w.h.ctx, w.key(), options)
	if err != nil {
		w.h.excused(w.on, w.at.Revision(), err)
		return
	}
	w.w = started
}

// drain reads all available events.
func (w *watcher) drain(patience time.Duration) { w.read(math.MaxInt, patience) }

// read reads at most a number of events.
func (w *watcher) read(most int, patience time.Duration) {
	for ; w.w != nil && most > 0; most-- {
		timer := time.NewTimer(patience)
		select {
		case event, ok := <-w.w.ResultChan():
			timer.Stop()
			if !ok {
				w.w = nil
				continue
			}
			w.take(event)
		case <-timer.C:
			return
		}
	}
}

// readInto reads until it is within a revision, if an event soon brings it there.
func (w *watcher) readInto() {
	const soon = 20 * time.Millisecond
	for end := time.Now().Add(soon); w.w != nil && w.at.Whole() && time.Now().Before(end); {
		w.read(1, soon)
	}
}

// has reports whether it has reached a revision. It receives events only of revisions that
// change its selection.
func (w *watcher) has(revision int64) bool {
	if !w.synced || w.closed() {
		return false
	}
	want := w.of(w.h.at(revision))
	for name, text := range want {
		if w.folded[name] != text {
			return false
		}
	}
	return len(want) == len(w.folded)
}

func (w *watcher) take(event watch.Event) {
	h := w.h
	if event.Type == watch.Error {
		err := apierrors.FromObject(event.Object)
		h.excused(w.on, w.at.Revision(), err)
		if apierrors.IsResourceExpired(err) {
			h.expired.Add(1)
			w.synced = false
		}
		w.close()
		return
	}
	object := event.Object
	if cached, ok := object.(runtime.CacheableObject); ok {
		object = cached.GetObject()
	}
	item := object.(record.APIObject)
	name, at := record.Name{Namespace: item.GetNamespace(), Name: item.GetName()}, version(item.GetResourceVersion())
	switch {
	case event.Type == watch.Bookmark:
		h.must(at.Whole() && at >= w.at, "a bookmark is at %s, after %s", at, w.at)
		w.at, w.synced = at, true
		h.same(w.folded, w.of(h.at(at.Revision())), "the watch of %s at its bookmark at %s", w.selection, at)
		return
	case !w.synced:
		h.must(event.Type == watch.Added, "an initial event is %s", event.Type)
		w.folded[name] = h.model.Text(item)
		return
	}
	h.events.Add(1)
	w.change(event.Type, name, at, h.model.Text(item))
}

// change folds an event, which is delivered once. Before the first event of a revision,
// everything before that revision must have arrived.
func (w *watcher) change(event watch.EventType, name record.Name, at view.Version, text string) {
	h, revision := w.h, at.Revision()
	h.must(at > w.at, "the watch of %s receives %s after %s", w.selection, at, w.at)
	if revision > w.at.Revision() {
		h.same(w.folded, w.of(h.at(revision-1)), "the watch of %s before %d", w.selection, revision)
	}
	w.at = at
	h.versioned(w.resource, name, at)
	was, had := w.folded[name]
	is, shows := w.of(h.at(revision))[name]
	switch event {
	case watch.Added, watch.Modified:
		h.must(shows && is == text, "%s of %s at %d has\n%s\nand should have\n%s", event, name, revision, text, is)
		h.must(had == (event == watch.Modified), "%s of %s at %d, which was there: %v", event, name, revision, had)
		w.folded[name] = text
	case watch.Deleted:
		h.must(!shows, "%s is said to be gone at %d, and is not", name, revision)
		h.must(had && was == text, "%s left at %d with\n%s\nand was\n%s", name, revision, text, was)
		delete(w.folded, name)
	}
}

// changed names an object that a revision changed.
type changed struct {
	resource string
	name     record.Name
	revision int64
}

// versioned checks that all watches receive a change with the same version.
func (h *tortured) versioned(resource string, name record.Name, at view.Version) {
	key := changed{resource, name, at.Revision()}
	was, known := h.versions[key]
	h.must(!known || was == at, "%s %s changed at %s, and at %s", resource, name, was, at)
	h.versions[key] = at
}
