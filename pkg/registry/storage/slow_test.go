// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/view"
)

func watchFrom(ctx context.Context, t *testing.T, s *Store, key, resourceVersion string) watch.Interface {
	t.Helper()
	w, err := s.Watch(ctx, key, storage.ListOptions{ResourceVersion: resourceVersion, Recursive: true, Predicate: storage.Everything})
	require.NoError(t, err)
	t.Cleanup(w.Stop)
	return w
}

// stuck returns a watch with a full buffer that the test does not read.
func stuck(ctx context.Context, t *testing.T, s *Store, resourceVersion string) watch.Interface {
	t.Helper()
	w := watchFrom(ctx, t, s, "/clusters", resourceVersion)
	require.Eventually(t, func() bool { return len(w.ResultChan()) == resultBuffer }, deadline, time.Millisecond)
	return w
}

// present returns the revision of the current view, and a weak pointer to the view.
func present(t *testing.T, s *Store) (int64, weak.Pointer[view.View]) {
	t.Helper()
	v, err := s.engine.Current()
	require.NoError(t, err)
	return v.Revision, weak.Make(v)
}

// A watch whose reader is stuck for longer than the history lasts could not continue
// anyway. So it ends before the reader reads on.
func TestAStuckReaderDoesNotKeepForgottenHistoryAlive(t *testing.T) {
	t.Parallel()
	options := engine.DefaultOptions()
	options.History.Revisions = 2 * resultBuffer
	ctx, _, s := startWith(t, options)
	written := 0
	write := func(n int) {
		for range n {
			written++
			require.NoError(t, create(ctx, s, fmt.Sprintf("c%03d", written)))
		}
	}
	write(resultBuffer + 1)
	_, loaded := present(t, s)
	initial := stuck(ctx, t, s, "0")
	from, _ := present(t, s)
	write(resultBuffer + 1)
	later := stuck(ctx, t, s, view.VersionAt(from).String())
	runtime.GC()
	require.NotNil(t, loaded.Value(), "unread initial events come from this view")

	write(2*resultBuffer + 2)
	require.Eventually(t, func() bool {
		runtime.GC()
		return loaded.Value() == nil
	}, deadline, 100*time.Millisecond, "a stuck reader keeps a view alive")
	require.Eventually(t, func() bool { return s.counters.Expired.Load() == 2 }, deadline, 10*time.Millisecond)
	for name, w := range map[string]watch.Interface{"initial events": initial, "changes": later} {
		for range resultBuffer {
			require.Equal(t, watch.Added, (<-w.ResultChan()).Type, name)
		}
		last := <-w.ResultChan()
		require.Equal(t, watch.Error, last.Type, "%s: expected an error event, got %v", name, last.Object)
		require.True(t, apierrors.IsResourceExpired(apierrors.FromObject(last.Object)), "%s: %v", name, last.Object)
		_, more := <-w.ResultChan()
		require.False(t, more, name)
	}
}

// A watch whose reader is stuck in the initial events holds no seat of priority and
// fairness. Otherwise hundreds of them would hold all seats of their priority level.
func TestAWatchThatWaitsForItsReaderHoldsNoSeat(t *testing.T) {
	t.Parallel()
	ctx, _, s := start(t)
	for i := range 2 * resultBuffer {
		require.NoError(t, create(ctx, s, fmt.Sprintf("c%03d", i)))
	}
	seat := utilflowcontrol.NewInitializationSignal()
	stuck(utilflowcontrol.WithInitializationSignal(ctx, seat), t, s, "0")
	given := make(chan struct{})
	go func() { seat.Wait(); close(given) }()
	select {
	case <-given:
	case <-ctx.Done():
		require.Fail(t, "the watch holds its seat while the reader is stuck")
	}
}

func TestAReaderThatIsSlowerThanTheHistoryKeepsNothingAlive(t *testing.T) {
	t.Parallel()
	options := engine.DefaultOptions()
	options.History.Revisions = 2 * resultBuffer
	ctx, _, s := startWith(t, options)
	for i := range 3 * resultBuffer {
		require.NoError(t, create(ctx, s, fmt.Sprintf("c%03d", i)))
	}
	_, loaded := present(t, s)
	initial := stuck(ctx, t, s, "0")
	slowly := time.NewTicker(lookEvery / 20)
	defer slowly.Stop()
	for i := range 2*resultBuffer + 2 {
		require.NoError(t, create(ctx, s, fmt.Sprintf("d%03d", i)))
	}
	for held := true; held; held = loaded.Value() != nil {
		<-slowly.C
		require.Equal(t, watch.Added, (<-initial.ResultChan()).Type)
		runtime.GC()
	}
	require.Eventually(t, func() bool { return s.counters.Expired.Load() == 1 }, deadline, 10*time.Millisecond)
	require.Len(t, initial.ResultChan(), resultBuffer, "the watch ended although its buffer was not full")
}

func TestASlowReaderThatKeepsUpWithTheHistoryGetsEveryEvent(t *testing.T) {
	t.Parallel()
	ctx, _, s := start(t)
	from, _ := present(t, s)
	for i := range 2 * resultBuffer {
		require.NoError(t, create(ctx, s, fmt.Sprintf("c%03d", i)))
	}
	w := stuck(ctx, t, s, view.VersionAt(from).String())
	slowly := time.NewTicker(lookEvery / resultBuffer)
	defer slowly.Stop()
	for i := range 2 * resultBuffer {
		<-slowly.C
		event := <-w.ResultChan()
		require.Equal(t, watch.Added, event.Type)
		require.Equal(t, fmt.Sprintf("c%03d", i), event.Object.(*eventObject).GetName())
	}
}
