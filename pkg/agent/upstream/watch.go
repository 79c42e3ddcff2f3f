// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Watch follows the BundleDeployments of a namespace.
type Watch struct {
	store      cache.Store
	controller cache.Controller
}

// Watch returns a watch of a namespace, or of all namespaces if it is empty, which an agent
// has no right to. It calls reconcile for each object to reconcile and event, unless it is
// nil, for each event. The calls come one after the other and must not block.
func (c *Client) Watch(namespace string, reconcile func(types.NamespacedName), event func(watch.EventType)) *Watch {
	client := c.fleet.FleetV1alpha1().BundleDeployments(namespace)
	from := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return client.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return client.Watch(ctx, options)
		},
	}
	if event == nil {
		event = func(watch.EventType) {}
	}
	w := &Watch{}
	w.store, w.controller = cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.ToListWatcherWithWatchListSemantics(from, c.fleet),
		ObjectType:    &v1alpha1.BundleDeployment{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc: func(object any) {
				event(watch.Added)
				reconcile(keyOf(object))
			},
			UpdateFunc: func(was, is any) {
				event(watch.Modified)
				old, wasOne := was.(*v1alpha1.BundleDeployment)
				updated, isOne := is.(*v1alpha1.BundleDeployment)
				if wasOne && isOne && Triggers(old, updated) {
					reconcile(keyOf(is))
				}
			},
			DeleteFunc: func(object any) {
				event(watch.Deleted)
				reconcile(keyOf(object))
			},
		},
	})
	return w
}

// Run watches until ctx ends.
func (w *Watch) Run(ctx context.Context) { w.controller.RunWithContext(ctx) }

// HasSynced reports whether the watch has seen all that existed at its start.
func (w *Watch) HasSynced() bool { return w.controller.HasSynced() }

// Synced returns a channel that is closed when HasSynced becomes true.
func (w *Watch) Synced() <-chan struct{} { return w.controller.HasSyncedChecker().Done() }

// Get returns a BundleDeployment as it was last seen, or nil if it does not exist. Before
// the watch has synced, nil means nothing.
func (w *Watch) Get(name types.NamespacedName) *v1alpha1.BundleDeployment {
	object, found, err := w.store.GetByKey(name.String())
	if err != nil || !found {
		return nil
	}
	bd, _ := object.(*v1alpha1.BundleDeployment)
	return bd
}

// Names returns the names of the BundleDeployments.
func (w *Watch) Names() []types.NamespacedName {
	objects := w.store.List()
	names := make([]types.NamespacedName, 0, len(objects))
	for _, object := range objects {
		names = append(names, keyOf(object))
	}
	return names
}

func keyOf(object any) types.NamespacedName {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		name, err := cache.ParseObjectName(gone.Key)
		if err != nil {
			return types.NamespacedName{}
		}
		return types.NamespacedName{Namespace: name.Namespace, Name: name.Name}
	}
	bd, ok := object.(*v1alpha1.BundleDeployment)
	if !ok {
		return types.NamespacedName{}
	}
	return types.NamespacedName{Namespace: bd.Namespace, Name: bd.Name}
}

// Triggers reports whether an update makes the agent reconcile (S 9.6).
func Triggers(old, updated *v1alpha1.BundleDeployment) bool {
	return old.Generation != updated.Generation ||
		!equality.Semantic.DeepEqual(old.Annotations, updated.Annotations) ||
		!equality.Semantic.DeepEqual(old.Labels, updated.Labels) ||
		old.Spec.DeploymentID != updated.Spec.DeploymentID ||
		!equality.Semantic.DeepEqual(old.Spec.Options.Diff, updated.Spec.Options.Diff) ||
		old.Spec.DownstreamResourcesGeneration != updated.Spec.DownstreamResourcesGeneration ||
		// Fleet's agent compares the pointers. Two decoded objects with a number each have
		// different pointers, even if the number is the same.
		old.Status.SyncGeneration != updated.Status.SyncGeneration
}
