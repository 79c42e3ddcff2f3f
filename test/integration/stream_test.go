// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// stream is an open watch.
type stream struct {
	t *testing.T
	watch.Interface
}

func watching(t *testing.T, c dynamic.ResourceInterface, options metav1.ListOptions) *stream {
	t.Helper()
	w, err := c.Watch(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(w.Stop)
	return &stream{t, w}
}

// event holds an event of a watch in a form that is easily compared.
type event struct {
	Type      watch.EventType
	Namespace string
	Name      string
	Revision  string
}

// raw returns the next event.
func (s *stream) raw() watch.Event {
	s.t.Helper()
	select {
	case e, ok := <-s.ResultChan():
		require.True(s.t, ok, "the watch ended")
		return e
	case <-time.After(within):
		require.FailNow(s.t, "no event came")
		return watch.Event{}
	}
}

// next returns the next event that is not a bookmark, and its object.
func (s *stream) next() (event, *unstructured.Unstructured) {
	s.t.Helper()
	for {
		e := s.raw()
		require.NotEqual(s.t, watch.Error, e.Type, "%v", e.Object)
		if o := e.Object.(*unstructured.Unstructured); e.Type != watch.Bookmark {
			return event{e.Type, o.GetNamespace(), o.GetName(), o.GetResourceVersion()}, o
		}
	}
}

// expect takes the next event and returns its object.
func (s *stream) expect(kind watch.EventType, name string) *unstructured.Unstructured {
	s.t.Helper()
	e, o := s.next()
	require.Equal(s.t, kind, e.Type, "%s %s", e.Name, e.Revision)
	require.Equal(s.t, name, e.Name)
	return o
}

// status returns the ERROR event with which the watch must end now.
func (s *stream) status() *metav1.Status {
	s.t.Helper()
	e := s.raw()
	require.Equal(s.t, watch.Error, e.Type, "%v", e.Object)
	select {
	case more, ok := <-s.ResultChan():
		require.False(s.t, ok, "after the error came %v", more)
	case <-time.After(within):
		require.FailNow(s.t, "the watch did not end after the error")
	}
	return e.Object.(*metav1.Status)
}

// untilBookmark returns the initial events, up to the bookmark that ends them.
func (s *stream) untilBookmark() (added []*unstructured.Unstructured, revision string) {
	s.t.Helper()
	for {
		e := s.raw()
		o, ok := e.Object.(*unstructured.Unstructured)
		require.True(s.t, ok, "%v", e.Object)
		if e.Type == watch.Bookmark {
			require.Equal(s.t, "true", o.GetAnnotations()[metav1.InitialEventsAnnotationKey], "a bookmark that does not end the initial events came first")
			return added, o.GetResourceVersion()
		}
		require.Equal(s.t, watch.Added, e.Type)
		added = append(added, o)
	}
}

// quietUntil checks that the watch sends nothing about past changes: its next event must be
// the one that mark causes.
func (s *stream) quietUntil(mark func(), kind watch.EventType, name string) *unstructured.Unstructured {
	s.t.Helper()
	mark()
	return s.expect(kind, name)
}

// initial returns the options of a watch that begins with the state as events, ended by a
// bookmark.
func initial(resourceVersion string) metav1.ListOptions {
	yes := true
	return metav1.ListOptions{
		SendInitialEvents: &yes, AllowWatchBookmarks: true,
		ResourceVersion: resourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	}
}

// soon returns a context that ends when a wait has taken too long.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), within, context.DeadlineExceeded)
	t.Cleanup(cancel)
	return ctx
}
