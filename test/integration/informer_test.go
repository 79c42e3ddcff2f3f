// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/replay"
)

// withoutWatchList makes a reflector list first and then watch, as clients did before lists
// came as watches.
type withoutWatchList struct{ cache.ListerWatcher }

// IsWatchListSemanticsUnSupported returns true, which reflectors check.
func (withoutWatchList) IsWatchListSemanticsUnSupported() bool { return true }

// deploymentsOf returns a ListerWatcher that counts its lists.
func deploymentsOf(c versioned.Interface, lists *atomic.Int64) *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			lists.Add(1)
			return c.FleetV1alpha1().BundleDeployments("").List(ctx, options)
		},
		WatchFuncWithContext: c.FleetV1alpha1().BundleDeployments("").Watch,
	}
}

func TestInformersConvergeToTheList(t *testing.T) {
	t.Parallel()
	s, r := own(t), replay.Rand(t)
	c := s.clientset(t)
	for i := range 6 {
		createBundle(t, c, bundle("ns", name("app", i), "env", []string{"prod", "test"}[i%2]))
	}
	for i := range 5 {
		createCluster(t, c, cluster("ns", name("c", i), "env", "prod"))
	}
	var asWatch, listFirst atomic.Int64
	informers := map[string]cache.SharedIndexInformer{
		"a list as a watch":    cache.NewSharedIndexInformer(deploymentsOf(s.clientset(t), &asWatch), &v1alpha1.BundleDeployment{}, 0, cache.Indexers{}),
		"a list, then a watch": cache.NewSharedIndexInformer(withoutWatchList{deploymentsOf(s.clientset(t), &listFirst)}, &v1alpha1.BundleDeployment{}, 0, cache.Indexers{}),
	}
	untyped, err := dynamic.NewForConfig(s.connection())
	require.NoError(t, err)
	informers["dynamic"] = dynamicinformer.NewFilteredDynamicInformer(untyped, group.WithResource("bundledeployments"), "", 0, cache.Indexers{}, nil).Informer()
	partial, err := metadata.NewForConfig(s.connection())
	require.NoError(t, err)
	informers["metadata alone"] = metadatainformer.NewFilteredMetadataInformer(partial, group.WithResource("bundledeployments"), "", 0, cache.Indexers{}, nil).Informer()
	for _, informer := range informers {
		go informer.RunWithContext(t.Context())
		require.True(t, cache.WaitForCacheSync(soon(t).Done(), informer.HasSynced), "the informer does not sync")
	}
	require.Zero(t, asWatch.Load(), "the server's lists do not come as watches")
	require.EqualValues(t, 1, listFirst.Load())
	e := &editor{r: r, c: c, ns: "ns"}
	for i := range 200 {
		e.edit(t, i)
	}
	want, _ := listedVersions(t, c)
	for title, informer := range informers {
		comesTo(t, informer.GetStore(), want, title)
	}
}
