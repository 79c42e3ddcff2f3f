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

// counted is a storage that knows how many objects it has, and how large they are.
type counted interface {
	Stats(ctx context.Context) (storage.Stats, error)
}

// counts receives these numbers.
type counts interface {
	Set(groupResource string, stats storage.Stats)
}

const (
	// countEvery is well within the three minutes after which priority and fairness
	// considers a count stale, and every list as expensive as possible.
	countEvery = 30 * time.Second
	// countSoon is the interval until all counts are known. Until then every list counts as
	// cheap.
	countSoon = time.Second
)

// countForFlowControl reports to priority and fairness what lists cost, while the server
// runs. The registry does that only for storages that it creates itself (k8s.io/apiserver,
// registry.Store.CompleteWithOptions).
func countForFlowControl(server *genericapiserver.GenericAPIServer, to counts, storages map[string]rest.Storage) error {
	return server.AddPostStartHook("muster-object-counts", func(hook genericapiserver.PostStartHookContext) error {
		go func() {
			for wait := countSoon; ; {
				if reportCounts(hook, to, storages) {
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

// reportCounts returns false if a resource could not be counted.
func reportCounts(ctx context.Context, to counts, storages map[string]rest.Storage) bool {
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
