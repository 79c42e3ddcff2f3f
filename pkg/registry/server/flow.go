// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"time"

	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// counted is a storage that knows how many objects there are, and how large.
type counted interface {
	Stats(ctx context.Context) (storage.Stats, error)
}

// counts is what is told of them.
type counts interface {
	Set(groupResource string, stats storage.Stats)
}

const (
	// countEvery is well within the three minutes after which priority and fairness
	// takes a count for stale, and every list for as dear as can be.
	countEvery = 30 * time.Second
	// countSoon is the interval until all are known: until then every list is taken
	// for a cheap one.
	countSoon = time.Second
)

// countForFlowControl tells priority and fairness what lists cost, while the server
// runs. The registry does that for storages that it makes itself, not for one that it
// is given (k8s.io/apiserver, registry.Store.CompleteWithOptions).
func countForFlowControl(server *genericapiserver.GenericAPIServer, to counts, storages map[string]rest.Storage) error {
	return server.AddPostStartHook("muster-object-counts", func(hook genericapiserver.PostStartHookContext) error {
		go func() {
			for wait := countSoon; ; {
				if tellCounts(hook, to, storages) {
					wait = countEvery
				}
				select {
				case <-hook.Done():
					return
				case <-time.After(wait):
				}
			}
		}()
		return nil
	})
}

// tellCounts tells of each resource, and whether it could of all.
func tellCounts(ctx context.Context, to counts, storages map[string]rest.Storage) bool {
	all := true
	for resource, s := range storages {
		c, ok := s.(counted)
		if !ok {
			continue // a subresource is not listed
		}
		stats, err := c.Stats(ctx)
		if err != nil {
			all = false
			klog.V(4).InfoS("Cannot count objects for priority and fairness yet", "resource", resource, "err", err)
			continue
		}
		to.Set(v1alpha1.Resource(resource).String(), stats)
	}
	return all
}
