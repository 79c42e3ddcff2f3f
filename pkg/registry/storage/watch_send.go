// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// bookmark sends the client its position, which is always between revisions.
func (w *watcher) bookmark(ctx context.Context, revision int64, endOfInitial bool) error {
	object, err := record.New(w.store.resource.Resource)
	if err != nil {
		return err
	}
	object.SetResourceVersion(w.store.text(view.VersionAt(revision)))
	if endOfInitial {
		object.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	}
	return w.send(ctx, watch.Event{Type: watch.Bookmark, Object: object})
}

func (w *watcher) sendChanges(ctx context.Context, placed view.Placed) error {
	for i, c := range placed.Changes {
		was := c.Prev != nil && matches(&w.predicate, c.Prev)
		is := c.Next != nil && matches(&w.predicate, c.Next)
		var event watch.Event
		var err error
		switch {
		case is:
			event.Type = watch.Added
			if was {
				event.Type = watch.Modified
			}
			event.Object, err = w.rendered(ctx, c, view.Present, c.Next, 0)
		case was:
			event.Type = watch.Deleted
			event.Object, err = w.rendered(ctx, c, view.Gone, c.Prev, placed.Version(i))
		default:
			continue
		}
		if err != nil {
			return err
		}
		if err := w.send(ctx, event); err != nil {
			return err
		}
	}
	return nil
}

// rendered returns the object of a change. An object that was deleted or is no longer
// selected carries the version of that change.
func (w *watcher) rendered(ctx context.Context, c *view.Change, form view.Form, item view.Item, left view.Version) (*eventObject, error) {
	return view.Rendered(c, form, func() (*eventObject, error) {
		objects, err := w.store.render(ctx, []view.Item{item})
		if err != nil {
			return nil, err
		}
		if form == view.Gone {
			objects[0].SetResourceVersion(w.store.text(left))
		}
		return &eventObject{APIObject: objects[0]}, nil
	})
}

// lookEvery is how often a watcher that waits for its reader checks whether the history has
// passed it.
const lookEvery = 2 * time.Second

// send hands an event to the reader, and waits until the reader takes it. Meanwhile the
// revision that the watcher is sending stays alive, but no longer than the history keeps
// it: after that, the watch could not continue from it. So all slow and stuck readers
// together keep alive what the history keeps, and each its own buffer.
func (w *watcher) send(ctx context.Context, event watch.Event) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case w.results <- event:
		w.delivered(event)
		return w.turn.Share(ctx)
	default:
	}
	return w.turn.Outside(ctx, func() error { return w.wait(ctx, event) })
}

// wait hands an event to a reader that is not ready for it. From then on, the watch holds
// no seat of priority and fairness, even if it has not sent all initial events. Otherwise
// stuck readers would hold all seats of their priority level, and other clients of that
// level would wait.
func (w *watcher) wait(ctx context.Context, event watch.Event) error {
	utilflowcontrol.WatchInitialized(ctx)
	// The time to look spans events: a reader may be too slow without ever being stuck.
	look := time.NewTimer(time.Until(w.look))
	defer look.Stop()
	for {
		select {
		case w.results <- event:
			w.delivered(event)
			return nil
		case <-look.C:
			w.look = time.Now().Add(lookEvery)
			look.Reset(lookEvery)
			if v, err := w.store.engine.Current(); err == nil && w.cursor.Revision() < v.Oldest {
				return w.store.apiError(view.ErrCompacted)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (w *watcher) delivered(event watch.Event) {
	if event.Type != watch.Bookmark && event.Type != watch.Error {
		w.sent++
	}
}
