// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"container/list"
	"sync"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// maxCached bounds the decoded resources that a store keeps, in bytes.
const maxCached = 64 << 20

// contentCache keeps the most recently used resources of Bundles, by manifest ID. A
// Bundle's status changes with every report, and each of its events shows the resources.
// Without the cache, each event would cost a read from etcd. An ID is a hash of the
// resources, so an entry is never wrong. A contentCache is safe for concurrent use.
type contentCache struct {
	limit int

	mu struct {
		sync.Mutex
		size    int
		entries map[string]*list.Element
		used    *list.List // most recently used first
	}
}

type cachedContent struct {
	id        string
	resources []v1alpha1.BundleResource
	size      int
}

func newContentCache(limit int) *contentCache {
	c := &contentCache{limit: limit}
	c.mu.entries, c.mu.used = map[string]*list.Element{}, list.New()
	return c
}

// get returns the resources with that manifest ID. The caller must not modify them.
func (c *contentCache) get(id string) ([]v1alpha1.BundleResource, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.mu.entries[id]
	if !ok {
		return nil, false
	}
	c.mu.used.MoveToFront(e)
	return e.Value.(*cachedContent).resources, true
}

// put keeps resources, unless they alone exceed the limit. The caller must not modify them
// afterwards.
func (c *contentCache) put(id string, resources []v1alpha1.BundleResource) {
	size := len(id)
	for i := range resources {
		size += len(resources[i].Name) + len(resources[i].Content) + len(resources[i].Encoding)
	}
	if size > c.limit {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.mu.entries[id]; ok {
		return
	}
	c.mu.entries[id] = c.mu.used.PushFront(&cachedContent{id, resources, size})
	c.mu.size += size
	for c.mu.size > c.limit {
		last := c.mu.used.Back()
		old := c.mu.used.Remove(last).(*cachedContent)
		delete(c.mu.entries, old.id)
		c.mu.size -= old.size
	}
}
