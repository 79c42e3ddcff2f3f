// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// clients finds Clusters and registrations by the ID of their client. A question costs the
// changes since the last one.
type clients struct {
	mu struct {
		sync.Mutex
		at    follow.Cursor
		names map[client]*named
	}
}

// named holds the objects of one client.
type named struct {
	// made holds the time of creation of each, in seconds; never for a registration that must
	// not be granted. latest is the latest of them.
	made   map[record.Name]int64
	latest int64
}

// never is earlier than all times.
const never = math.MinInt64

// add enters an object, in place of an earlier entry.
func (n *named) add(name record.Name, made int64) {
	n.remove(name)
	n.made[name] = made
	n.latest = max(n.latest, made)
}

func (n *named) remove(name record.Name) {
	made, found := n.made[name]
	if delete(n.made, name); !found || made == never || made < n.latest {
		return
	}
	n.latest = never
	for _, made := range n.made {
		n.latest = max(n.latest, made)
	}
}

// superseded reports whether the client of a registration has made a later one. Of several in
// the same second, none is known to be later.
func (c *clients) superseded(v *view.View, r *v1alpha1.ClusterRegistration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.catchUpLocked(v)
	n := c.mu.names[client{registrations, r.Namespace, r.Spec.ClientID}]
	return n != nil && n.latest > r.CreationTimestamp.Unix()
}

// latest returns the last registration of a client: several if they are of the same second.
func (c *clients) latest(v *view.View, namespace, id string) []record.Name {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.catchUpLocked(v)
	n := c.mu.names[client{registrations, namespace, id}]
	if n == nil || n.latest == never {
		return nil
	}
	var names []record.Name
	for name, made := range n.made {
		if made == n.latest {
			names = append(names, name)
		}
	}
	return names
}

// eligible reports whether a registration may be granted. It renders nothing.
func eligible(item view.Item) bool {
	object, ok := item.(*view.Object)
	if !ok {
		return false
	}
	r, ok := object.Record.Object.(*v1alpha1.ClusterRegistration)
	return ok && r.DeletionTimestamp == nil && r.Labels[v1alpha1.LabelClusterManagement] == ""
}

// client is the ID of a client among the Clusters, or the registrations, of a namespace.
type client struct{ resource, namespace, id string }

// of returns the names of a client's objects in a view, in order. The empty ID is no client's.
func (c *clients) of(v *view.View, resource, namespace, id string) []record.Name {
	if id == "" {
		return nil
	}
	wanted := client{resource, namespace, id}
	c.mu.Lock()
	c.catchUpLocked(v)
	var names []record.Name
	if n := c.mu.names[wanted]; n != nil {
		names = slices.Collect(maps.Keys(n.made))
	}
	c.mu.Unlock()
	slices.SortFunc(names, record.Name.Compare)
	return names
}

func (c *clients) catchUpLocked(v *view.View) {
	resources := []string{record.Clusters, registrations}
	revisions, ok := c.mu.at.Next(v)
	if !ok {
		c.mu.names = map[client]*named{}
		for _, resource := range resources {
			for item := range v.All(resource, record.Name{}) {
				c.addLocked(resource, item)
			}
		}
		return
	}
	for resource, change := range follow.Changes(revisions, resources...) {
		if change.Prev != nil {
			c.removeLocked(resource, change.Prev)
		}
		if change.Next != nil {
			c.addLocked(resource, change.Next)
		}
	}
}

func (c *clients) addLocked(resource string, item view.Item) {
	key := client{resource, item.Name().Namespace, clientID(item)}
	if key.id == "" {
		return
	}
	n := c.mu.names[key]
	if n == nil {
		n = &named{made: map[record.Name]int64{}, latest: never}
		c.mu.names[key] = n
	}
	made := int64(never)
	if eligible(item) {
		created := asked(item).CreationTimestamp
		made = created.Unix()
	}
	n.add(item.Name(), made)
}

func (c *clients) removeLocked(resource string, item view.Item) {
	key := client{resource, item.Name().Namespace, clientID(item)}
	n := c.mu.names[key]
	if n == nil {
		return
	}
	if n.remove(item.Name()); len(n.made) == 0 {
		delete(c.mu.names, key)
	}
}

// clientID returns the ID of the client of an object. It renders nothing.
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
