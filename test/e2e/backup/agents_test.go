// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"maps"
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

// agents are informers of the BundleDeployments of each Cluster, which run through
// everything.
type agents struct {
	mu struct {
		sync.Mutex
		// gone counts, by namespace and name, how often one was seen to go.
		gone map[string]int
		// backwards are objects that were shown with a lower revision than before.
		backwards []string
	}
	informers map[string]cache.SharedIndexInformer
}

func startAgents(t *testing.T, config *rest.Config, homes []string) *agents {
	t.Helper()
	a := &agents{informers: map[string]cache.SharedIndexInformer{}}
	a.mu.gone = map[string]int{}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	for _, home := range homes {
		factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamicClient(t, config), 0, home, nil)
		informer := factory.ForResource(resource("bundledeployments")).Informer()
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{UpdateFunc: a.updated, DeleteFunc: a.deleted})
		require.NoError(t, err)
		running.Go(func() { informer.RunWithContext(ctx) })
		a.informers[home] = informer
		require.True(t, cache.WaitForCacheSync(ctx.Done(), informer.HasSynced))
	}
	return a
}

func (a *agents) updated(old, now any) {
	before, after := old.(*unstructured.Unstructured), now.(*unstructured.Unstructured)
	was, _ := strconv.ParseInt(before.GetResourceVersion(), 10, 64)
	is, _ := strconv.ParseInt(after.GetResourceVersion(), 10, 64)
	if is < was {
		a.mu.Lock()
		defer a.mu.Unlock()
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
	a.mu.gone[key]++
}

// forget forgets what was seen so far.
func (a *agents) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.mu.gone)
}

// seen are the BundleDeployments that were seen to go, and those that went back.
func (a *agents) seen() (gone, backwards []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.mu.gone)), slices.Clone(a.mu.backwards)
}

// know are all BundleDeployments that the agents know of, as in a state.
func (a *agents) know() state {
	out := state{}
	for _, informer := range a.informers {
		for _, each := range informer.GetStore().List() {
			d := each.(*unstructured.Unstructured).DeepCopy()
			d.SetResourceVersion("")
			out["bundledeployments "+d.GetNamespace()+"/"+d.GetName()] = d.Object
		}
	}
	return out
}

// deployments are the BundleDeployments in a state.
func (s state) deployments() state {
	out := state{}
	for key, object := range s {
		if (&unstructured.Unstructured{Object: object}).GetKind() == "BundleDeployment" {
			out[key] = object
		}
	}
	return out
}
