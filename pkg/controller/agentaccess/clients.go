// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"maps"
	"slices"
	"sync"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// clients finds Clusters and registrations by the ID of the client that they are
// for. It follows views as it is asked: a question costs the changes since the last.
type clients struct {
	mu struct {
		sync.Mutex
		at    int64
		names map[client]map[record.Name]struct{}
	}
}

// client is an ID in one namespace, as Clusters or as registrations have it.
type client struct{ resource, namespace, id string }

// of returns the names of those objects in the view, in order. An empty ID is
// nobody's.
func (c *clients) of(v *view.View, resource, namespace, id string) []record.Name {
	if id == "" {
		return nil
	}
	wanted := client{resource, namespace, id}
	c.mu.Lock()
	c.catchUpLocked(v)
	names := slices.Collect(maps.Keys(c.mu.names[wanted]))
	c.mu.Unlock()
	slices.SortFunc(names, record.Name.Compare)
	return names
}

func (c *clients) catchUpLocked(v *view.View) {
	resources := []string{record.Clusters, registrations}
	revisions, err := v.Since(c.mu.at)
	if c.mu.names == nil || err != nil || c.mu.at > v.Revision {
		c.mu.names = map[client]map[record.Name]struct{}{}
		for _, resource := range resources {
			for item := range v.All(resource, record.Name{}) {
				c.addLocked(resource, item)
			}
		}
		c.mu.at = v.Revision
		return
	}
	for _, revision := range revisions {
		for _, resource := range resources {
			for _, change := range revision.Changes(resource, "", "") {
				if change.Prev != nil {
					c.removeLocked(resource, change.Prev)
				}
				if change.Next != nil {
					c.addLocked(resource, change.Next)
				}
			}
		}
	}
	c.mu.at = v.Revision
}

func (c *clients) addLocked(resource string, item view.Item) {
	key := client{resource, item.Name().Namespace, clientID(item)}
	if key.id == "" {
		return
	}
	names := c.mu.names[key]
	if names == nil {
		names = map[record.Name]struct{}{}
		c.mu.names[key] = names
	}
	names[item.Name()] = struct{}{}
}

func (c *clients) removeLocked(resource string, item view.Item) {
	key := client{resource, item.Name().Namespace, clientID(item)}
	delete(c.mu.names[key], item.Name())
	if len(c.mu.names[key]) == 0 {
		delete(c.mu.names, key)
	}
}

// clientID is the ID of the client that an object is for. It renders nothing.
func clientID(item view.Item) string {
	object, ok := item.(*view.Object)
	if !ok {
		return ""
	}
	switch object := object.Record.Object.(type) {
	case *v1alpha1.Cluster:
		return object.Spec.ClientID
	case *v1alpha1.ClusterRegistration:
		return object.Spec.ClientID
	}
	return ""
}
