// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

var _ watch.Interface = (*watcher)(nil)

// resultBuffer is how many events a watch buffers, so that the HTTP layer flushes a burst
// in few writes. Each stuck reader keeps that many events rendered, in addition to the
// history.
const resultBuffer = 16

// largeBuffer is the buffer for kinds whose objects may take megabytes, for their resources
// or the list of what was deployed. It must not be smaller than what a client may expect to
// find after it stopped reading (storage/testing.RunTestDelayedWatchDelivery).
const largeBuffer = 12

func bufferOf(resource string) int {
	switch resource {
	case record.Bundles, record.GitRepos, record.HelmOps:
		return largeBuffer
	}
	return resultBuffer
}

// Watch implements storage.Interface.
func (s *Store) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	at, err := s.parse(key, opts.Recursive)
	if err != nil {
		return nil, err
	}
	resourceVersion, err := s.ParseResourceVersion(opts.ResourceVersion)
	if err != nil {
		return nil, s.apiError(err)
	}
	if err := s.apiError(s.engine.Ready()); err != nil && resourceVersion == 0 {
		return nil, err
	}
	if v, err := s.engine.Current(); err == nil && v.Whole == view.Never {
		if err := s.sure(v, v.Revision); err != nil {
			return nil, s.apiError(err)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{
		store:     s,
		scope:     at,
		predicate: opts.Predicate,
		results:   make(chan watch.Event, bufferOf(s.resource.Resource)),
		stop:      cancel,
		turn:      fair.Of(ctx).Events(),
	}
	if resourceVersion == 0 && opts.SendInitialEvents != nil && !*opts.SendInitialEvents {
		// The barrier comes before the answer. Once the client knows that it watches, it
		// may change an object, and has to get that event.
		v, err := s.barrier(ctx)
		if err != nil {
			cancel()
			return nil, err
		}
		w.cursor = view.VersionAt(v.Revision)
	}
	s.counters.Watches.Add(1)
	go w.run(ctx, s.places.Version(resourceVersion), opts)
	return w, nil
}

// watcher is a cursor on the log of revisions. It pulls: a slow reader holds up no other
// one.
type watcher struct {
	store     *Store
	scope     scope
	predicate storage.SelectionPredicate
	results   chan watch.Event
	stop      context.CancelFunc
	// cursor is the version up to which everything was sent, or is being sent as initial
	// events. While it sends, the watcher keeps alive no earlier version than that.
	cursor view.Version
	// look is when to check whether the history has passed the cursor.
	look time.Time
	// turn is held while events are built, but not while the watcher waits for its reader.
	turn *fair.Turn
	// sent counts events that are not yet in the counters, which all watchers share.
	sent int64
}

// Stop implements watch.Interface.
func (w *watcher) Stop() { w.stop() }

// ResultChan implements watch.Interface.
func (w *watcher) ResultChan() <-chan watch.Event { return w.results }

func (w *watcher) run(ctx context.Context, from view.Version, opts storage.ListOptions) {
	defer close(w.results)
	defer w.stop()
	err := w.begin(ctx, from, opts)
	if err == nil {
		w.count()
		utilflowcontrol.WatchInitialized(ctx)
		err = w.follow(ctx)
	}
	w.count()
	w.store.counters.ended(ctx, apierrors.IsResourceExpired(err))
	if err != nil && ctx.Err() == nil {
		w.cursor = math.MaxInt64 // it no longer keeps a version alive
		_ = w.send(ctx, watch.Event{Type: watch.Error, Object: statusOf(err)})
	}
}

// statusOf returns an error as the object of an ERROR event.
func statusOf(err error) runtime.Object {
	if status, ok := err.(apierrors.APIStatus); ok {
		s := status.Status()
		return &s
	}
	s := apierrors.NewInternalError(err).Status()
	return &s
}

// begin sets the cursor, and sends the initial events if the client asked for them.
func (w *watcher) begin(ctx context.Context, from view.Version, opts storage.ListOptions) error {
	s := w.store
	initial := opts.SendInitialEvents != nil && *opts.SendInitialEvents
	switch {
	case initial || (from == 0 && opts.SendInitialEvents == nil):
		v, err := s.viewAt(ctx, opts.ResourceVersion, 0)
		if err != nil {
			return err
		}
		if err := s.complete(v, w.scope); err != nil {
			return err
		}
		w.cursor = view.VersionAt(v.Revision)
		if err := w.sendState(ctx, v); err != nil {
			return err
		}
		if initial && w.predicate.AllowWatchBookmarks {
			return w.bookmark(ctx, v.Revision, true)
		}
		return nil
	case from == 0:
		return nil // Watch has set the cursor
	}
	// A watch that waits must not hold a seat of priority and fairness.
	utilflowcontrol.WatchInitialized(ctx)
	if _, err := s.waitToResume(ctx, from); err != nil {
		return err
	}
	w.cursor = from
	return nil
}

// initialBatch is how many initial events are built at once. They are not shared, so a
// stuck reader keeps them in addition to its buffer.
const initialBatch = largeBuffer

// sendState sends each object of the view as if it had just been added.
func (w *watcher) sendState(ctx context.Context, v *view.View) error {
	var items []view.Item
	if err := w.turn.Begin(ctx); err != nil {
		return err
	}
	defer w.turn.End()
	flush := func() error {
		objects, err := w.store.render(ctx, items)
		if err != nil {
			return err
		}
		for _, object := range objects {
			if err := w.send(ctx, watch.Event{Type: watch.Added, Object: object}); err != nil {
				return err
			}
		}
		items = items[:0]
		return nil
	}
	for item := range w.store.candidates(v, w.scope, w.scope.name, &w.predicate) {
		if !matches(&w.predicate, item) {
			continue
		}
		if items = append(items, item); len(items) == initialBatch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// A bookmark is sent about once a minute, and shortly before the watch's deadline.
const (
	bookmarkEvery    = time.Minute
	bookmarkDeadline = 2 * time.Second
)

// follow sends the changes after the cursor, and bookmarks if the client wants them.
func (w *watcher) follow(ctx context.Context) error {
	var timer *time.Timer
	var bookmarks <-chan time.Time
	if w.predicate.AllowWatchBookmarks {
		timer = time.NewTimer(nextBookmark(ctx))
		defer timer.Stop()
		bookmarks = timer.C
	}
	s := w.store
	scope := engine.Scope{Resource: s.resource.Resource, Namespace: w.scope.name.Namespace}
	due := false
	for {
		woken := s.engine.Wakeup(scope)
		if err := w.catchUp(ctx); err != nil {
			return err
		}
		if due {
			// A watcher without changes in its scope is never woken. Only its bookmark
			// keeps the history from passing it, so it must carry the newest cursor.
			if err := w.bookmark(ctx, w.cursor.Revision(), false); err != nil {
				return err
			}
			due = false
			timer.Reset(nextBookmark(ctx))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-woken.Done():
			w.cursor = max(w.cursor, view.VersionAt(woken.Before()))
		case <-bookmarks:
			due = true
			announced := s.engine.Announced()
			select {
			case <-woken.Done():
			default: // nothing in the scope has changed
				w.cursor = max(w.cursor, view.VersionAt(announced))
			}
		}
	}
}

// fewChanges is how many changes a watch sends without a turn. Watches share the object of
// a change, so that few cost less than a turn.
const fewChanges = 8

// catchUp sends the changes after the cursor. It takes the current view for each revision,
// so that a watcher that waits for its reader keeps alive only the changes of one revision.
func (w *watcher) catchUp(ctx context.Context) error {
	defer w.count()
	defer w.turn.End()
	for sent := 0; ; {
		placed, revision, err := w.next()
		if err != nil {
			return w.store.apiError(err)
		}
		if sent += len(placed.Changes); sent > fewChanges {
			if err := w.turn.Begin(ctx); err != nil {
				return err
			}
		}
		if err := w.sendChanges(ctx, placed); err != nil {
			return err
		}
		w.cursor = max(w.cursor, view.VersionAt(revision))
		if len(placed.Changes) == 0 {
			return nil
		}
	}
}

// next returns the first revision after the cursor that changed the scope, with its
// changes. If no revision did, it returns no changes and the current revision.
func (w *watcher) next() (view.Placed, int64, error) {
	s := w.store
	v, err := s.engine.Current()
	if err != nil {
		return view.Placed{}, 0, err
	}
	if err := s.sure(v, w.cursor.Revision()); err != nil {
		return view.Placed{}, 0, err
	}
	if view.VersionAt(v.Revision) > w.cursor {
		since, err := v.ChangesSince(w.cursor, s.resource.Resource, w.scope.name.Namespace, w.scope.name.Name)
		if err != nil {
			return view.Placed{}, 0, err
		}
		for placed := range since {
			return placed, placed.Revision, nil
		}
	}
	return view.Placed{}, v.Revision, nil
}

// count adds what was sent to the counters, once for many events.
func (w *watcher) count() {
	if w.sent > 0 {
		w.store.counters.Events.Add(w.sent)
		w.sent = 0
	}
}

func nextBookmark(ctx context.Context) time.Duration {
	every := bookmarkEvery + rand.N(bookmarkEvery/4)
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline) - bookmarkDeadline; left > 0 {
			return min(every, left)
		}
	}
	return every
}
