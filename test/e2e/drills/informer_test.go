// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// informer is an informer of client-go's for all BundleDeployments, with a record of what it
// did and saw.
type informer struct {
	homes []string
	mu    struct {
		sync.Mutex
		events  []time.Time // of the fleet's BundleDeployments
		lists   []time.Time
		deleted []string // BundleDeployments of the fleet, none of which is ever deleted
		others  []string // and those of other workspaces
	}
}

// startInformer returns when the informer has the state.
func startInformer(t cluster.T, f fleet) *informer {
	t.Helper()
	i := &informer{homes: f.homes}
	client := clientset(t, control.Config)
	all := client.FleetV1alpha1().BundleDeployments("")
	requests := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			list, err := all.List(ctx, options)
			if err == nil {
				i.listed()
			}
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			w, err := all.Watch(ctx, options)
			if err == nil && options.SendInitialEvents != nil && *options.SendInitialEvents {
				i.listed()
			}
			return w, err
		},
	}
	shared := cache.NewSharedIndexInformer(cache.ToListWatcherWithWatchListSemantics(requests, client), &v1alpha1.BundleDeployment{}, 0, nil)
	_, err := shared.AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(_, is any) {
			if d, ok := is.(*v1alpha1.BundleDeployment); ok && slices.Contains(f.homes, d.Namespace) {
				i.mu.Lock()
				defer i.mu.Unlock()
				i.mu.events = append(i.mu.events, time.Now())
			}
		},
		DeleteFunc: i.gone,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	running.Go(func() { shared.RunWithContext(ctx) })
	require.NoError(t, poll.Until(t.Context(), within, func(context.Context) error {
		if !shared.HasSynced() {
			return errNotSynced
		}
		return nil
	}))
	return i
}

// listed records that the informer gets the whole state.
func (i *informer) listed() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mu.lists = append(i.mu.lists, time.Now())
}

func (i *informer) gone(object any) {
	key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
	if err != nil {
		key = err.Error()
	}
	namespace, _, err := cache.SplitMetaNamespaceKey(key)
	i.mu.Lock()
	defer i.mu.Unlock()
	if err == nil && !slices.Contains(i.homes, namespace) {
		i.mu.others = append(i.mu.others, key)
		return
	}
	i.mu.deleted = append(i.mu.deleted, key)
}

// gap returns the longest time without an event in a span of time.
func (i *informer) gap(from, to time.Time) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	longest, last := time.Duration(0), from
	for _, at := range append(slices.Clone(i.mu.events), to) {
		if at.Before(from) || at.After(to) {
			continue
		}
		longest, last = max(longest, at.Sub(last)), at
	}
	return longest
}

// firstEvent returns the time of the first event after a time.
func (i *informer) firstEvent(after time.Time) (time.Time, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	at := slices.IndexFunc(i.mu.events, after.Before)
	if at == -1 {
		return time.Time{}, false
	}
	return i.mu.events[at], true
}

// relists returns how often the informer got the whole state since a time.
func (i *informer) relists(from time.Time) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := 0
	for _, at := range i.mu.lists {
		if at.After(from) {
			n++
		}
	}
	return n
}

// othersDeleted returns the BundleDeployments of other workspaces that were deleted so far,
// in order.
func (i *informer) othersDeleted() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.mu.others)
}

// takeDeleted returns what was seen as deleted, and forgets it.
func (i *informer) takeDeleted() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := i.mu.deleted
	i.mu.deleted = nil
	return all
}
