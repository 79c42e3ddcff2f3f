// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// agents are informers of the BundleDeployments of each Cluster. They record delivered
// events, because their stores change earlier.
type agents struct {
	mu struct {
		sync.Mutex
		// known holds the objects by namespace and name.
		known map[string]*unstructured.Unstructured
		// gone counts the deletions of each object, by namespace and name.
		gone map[string]int
		// backwards lists objects that were shown with a lower revision than before.
		backwards []string
	}
}

func startAgents(t *testing.T, config *rest.Config, homes []string) *agents {
	t.Helper()
	a := &agents{}
	a.mu.known, a.mu.gone = map[string]*unstructured.Unstructured{}, map[string]int{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	for _, home := range homes {
		factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamicClient(t, config), 0, home, nil)
		informer := factory.ForResource(resource("bundledeployments")).Informer()
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: a.added, UpdateFunc: a.updated, DeleteFunc: a.deleted})
		require.NoError(t, err)
		running.Go(func() { informer.RunWithContext(ctx) })
		require.True(t, cache.WaitForCacheSync(ctx.Done(), informer.HasSynced))
	}
	return a
}

func (a *agents) added(object any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.knowLocked(object.(*unstructured.Unstructured))
}

func (a *agents) knowLocked(object *unstructured.Unstructured) {
	a.mu.known[object.GetNamespace()+"/"+object.GetName()] = object
}

func (a *agents) updated(old, now any) {
	before, after := old.(*unstructured.Unstructured), now.(*unstructured.Unstructured)
	was, _ := strconv.ParseInt(before.GetResourceVersion(), 10, 64)
	is, _ := strconv.ParseInt(after.GetResourceVersion(), 10, 64)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.knowLocked(after)
	if is < was {
		a.mu.backwards = append(a.mu.backwards, after.GetNamespace()+"/"+after.GetName())
	}
}

func (a *agents) deleted(object any) {
	key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
	if err != nil {
		panic(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.mu.known, key)
	a.mu.gone[key]++
}

func (a *agents) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.mu.gone)
}

// seen returns the BundleDeployments that were deleted, and those that went back to a lower
// revision.
func (a *agents) seen() (gone, backwards []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.mu.gone)), slices.Clone(a.mu.backwards)
}

// converge waits until the agents know the BundleDeployments of a state.
func (a *agents) converge(t *testing.T, want state) {
	t.Helper()
	require.Eventually(t, func() bool { return reflect.DeepEqual(a.know(), want.deployments()) }, within, every)
}

// know returns all BundleDeployments that the agents know, in the form of a state.
func (a *agents) know() state {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := state{}
	for key, each := range a.mu.known {
		d := each.DeepCopy()
		d.SetResourceVersion("")
		out["bundledeployments "+key] = d.Object
	}
	return out
}

func (s state) deployments() state {
	out := state{}
	for key, object := range s {
		if (&unstructured.Unstructured{Object: object}).GetKind() == "BundleDeployment" {
			out[key] = object
		}
	}
	return out
}
