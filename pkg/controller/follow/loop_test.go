// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/replay"
)

// source is an engine without a log: a test publishes its views.
type source struct {
	builder *view.Builder
	mu      struct {
		sync.Mutex
		v       *view.View
		waiting map[engine.Scope]chan struct{}
	}
}

func newSource(revisions int) *source {
	return &source{builder: view.NewBuilder(view.Limits{Revisions: revisions, Changes: 1000})}
}

func (s *source) Current() (*view.View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.v == nil {
		return nil, errors.New("not loaded")
	}
	return s.mu.v, nil
}

func (s *source) Wait(scope engine.Scope) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.waiting == nil {
		s.mu.waiting = map[engine.Scope]chan struct{}{}
	}
	if s.mu.waiting[scope] == nil {
		s.mu.waiting[scope] = make(chan struct{})
	}
	return s.mu.waiting[scope]
}

// publish makes a view the current one, and wakes the scopes of the resources and the one
// of all revisions; without resources, all scopes.
func (s *source) publish(v *view.View, resources ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.v = v
	for scope, woken := range s.mu.waiting {
		if len(resources) == 0 || scope == (engine.Scope{}) || slices.Contains(resources, scope.Resource) {
			close(woken)
			delete(s.mu.waiting, scope)
		}
	}
}

// write publishes a revision that writes one object of a resource.
func (s *source) write(at int64, resource, name string) {
	s.put(at, resource, name)
	s.publish(s.builder.Next(at), resource)
}

func (s *source) put(at int64, resource, name string) {
	object := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Generation: at}}
	s.builder.Put(resource, &view.Object{ID: id(name), At: view.VersionAt(at), Record: &record.Object{Object: object}})
}

func id(name string) record.Name { return record.Name{Namespace: "ns", Name: name} }

// shown lists what a controller saw.
type shown []string

// loop returns a loop that collects what it shows of Clusters and Bundles.
func (all *shown) loop(s *source) *Loop {
	return &Loop{
		Source: s, Resources: []string{record.Clusters, record.Bundles},
		Whole: func(v *view.View) { *all = append(*all, fmt.Sprint("whole ", v.Revision)) },
		Changed: func(v *view.View, revisions []*view.Revision) {
			for resource, change := range Changes(revisions, record.Clusters, record.Bundles) {
				*all = append(*all, fmt.Sprint(resource, " ", change.Name.Name, " at ", v.Revision))
			}
		},
	}
}

// take returns what was collected since the last call.
func (all *shown) take() []string {
	synctest.Wait()
	out := *all
	*all = nil
	return out
}

func TestALoopShowsTheWholeAndThenChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, all := newSource(5), &shown{}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		go func() { ended <- all.loop(s).Run(ctx) }()
		require.Empty(t, all.take(), "no view is loaded")
		s.publish(s.builder.Load(1))
		require.Equal(t, []string{"whole 1"}, all.take())
		s.write(2, record.Bundles, "b")
		require.Equal(t, []string{"bundles b at 2"}, all.take())
		s.write(3, record.ClusterGroups, "g")
		require.Empty(t, all.take(), "another resource changed")
		s.put(4, record.Bundles, "b")
		s.builder.Next(4)
		s.put(5, record.Bundles, "b")
		s.put(5, record.Clusters, "c")
		s.publish(s.builder.Next(5), record.Clusters)
		require.Equal(t, []string{"bundles b at 5", "clusters c at 5", "bundles b at 5"}, all.take())
		for at := range int64(10) {
			s.put(6+at, record.Clusters, "c")
			s.mu.v = s.builder.Next(6 + at)
		}
		s.publish(s.mu.v)
		require.Equal(t, []string{"whole 15"}, all.take(), "the history does not reach back")
		s.publish(view.NewBuilder(view.Limits{Revisions: 5, Changes: 10}).Load(7))
		require.Equal(t, []string{"whole 7"}, all.take(), "etcd was restored to an earlier revision")
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestALoopContinuesWhereItStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, all := newSource(10), &shown{}
		loop := all.loop(s)
		s.publish(s.builder.Load(1))
		run := func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, loop.Run(ctx), context.DeadlineExceeded)
		}
		run()
		s.write(2, record.Clusters, "c")
		run()
		require.Equal(t, []string{"whole 1", "clusters c at 2"}, all.take())
		run()
		require.Empty(t, all.take())
		s.write(3, record.Clusters, "d")
		loop.See(s.mu.v)
		require.Equal(t, []string{"clusters d at 3"}, all.take())
		loop.Restart()
		run()
		require.Equal(t, []string{"whole 3"}, all.take())
	})
}

func TestALoopLooksAtTheWholeNowAndThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, all := newSource(10), &shown{}
		loop := all.loop(s)
		loop.Every = time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.publish(s.builder.Load(1))
		go func() { _ = loop.Run(ctx) }()
		<-time.After(59 * time.Second)
		require.Equal(t, []string{"whole 1"}, all.take())
		s.write(2, record.Clusters, "c")
		require.Equal(t, []string{"clusters c at 2"}, all.take())
		<-time.After(time.Second)
		require.Equal(t, []string{"whole 2"}, all.take())
		<-time.After(5 * time.Minute)
		require.Len(t, all.take(), 5)
	})
}

func TestALoopWorksWhenThereIsAChangeAndWhenItIsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSource(10)
		begun := time.Now()
		var at []time.Duration
		var again time.Time
		loop := &Loop{Source: s, Then: func(context.Context, *view.View) time.Time {
			at = append(at, time.Since(begun))
			return again
		}}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.publish(s.builder.Load(1))
		again = begun.Add(time.Minute)
		go func() { _ = loop.Run(ctx) }()
		<-time.After(time.Second)
		s.write(2, record.ClusterGroups, "a loop without resources wakes at every revision")
		<-time.After(58 * time.Second)
		require.Equal(t, []time.Duration{0, time.Second}, at)
		again = time.Time{}
		<-time.After(time.Hour)
		require.Equal(t, []time.Duration{0, time.Second, time.Minute}, at)
	})
}

// The oracle is the view: a controller that applies all changes ends with the same objects.
func TestTheChangesOfACursorAddUpToTheView(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 50 {
		s := newSource(1 + r.IntN(5))
		views, kept := []*view.View{s.builder.Load(1)}, map[string]int64{}
		generation := func(item view.Item) int64 {
			return item.(*view.Object).Record.Object.GetGeneration()
		}
		var cursor Cursor
		for at := int64(2); at < 40; at++ {
			for range r.IntN(3) {
				if name := fmt.Sprint("c", r.IntN(5)); r.IntN(3) > 0 {
					s.put(at, record.Clusters, name)
				} else {
					s.builder.Delete(record.Clusters, id(name))
				}
			}
			views = append(views, s.builder.Next(at))
			v := views[len(views)-1-r.IntN(min(3, len(views)))] // not always the last one
			revisions, ok := cursor.Next(v)
			if !ok {
				clear(kept)
				for item := range v.All(record.Clusters, record.Name{}) {
					kept[item.Name().Name] = generation(item)
				}
			}
			for _, change := range Changes(revisions, record.Clusters) {
				if delete(kept, change.Name.Name); change.Next != nil {
					kept[change.Name.Name] = generation(change.Next)
				}
			}
			want := map[string]int64{}
			for item := range v.All(record.Clusters, record.Name{}) {
				want[item.Name().Name] = generation(item)
			}
			require.True(t, maps.Equal(want, kept), "%v, not %v", kept, want)
		}
	}
}
