// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// followed lists the resources whose objects are worked on.
var followed = []string{record.Clusters, registrations, tokens}

// Resources of the fleet's API group whose objects own others.
const (
	registrations = ownership.Registrations
	tokens        = "clusterregistrationtokens"
)

// following returns the loop that adds keys to the queue when the fleet changes. It begins with
// the whole history of the view, which also shows owners that went before the loop began.
func (c *Controller) following() *follow.Loop {
	return &follow.Loop{
		Source: c.Fleet, Resources: followed, Changed: c.enqueue,
		Whole: func(v *view.View) {
			for _, resource := range followed {
				for item := range v.All(resource, record.Name{}) {
					c.queue.Add(ownership.Owner{Resource: resource, Name: item.Name()})
				}
			}
			if revisions, err := v.Since(v.Oldest); err == nil {
				c.enqueue(v, revisions)
			}
		},
	}
}

func (c *Controller) enqueue(v *view.View, revisions []*view.Revision) {
	for resource, change := range follow.Changes(revisions, followed...) {
		if resource == record.Clusters && sameAccess(change) {
			continue
		}
		key := ownership.Owner{Resource: resource, Name: change.Name}
		if change.Prev != nil && (change.Next == nil || uid(change.Prev) != uid(change.Next)) {
			c.owned.Saw(key, uid(change.Prev))
		}
		c.queue.Add(key)
		switch resource {
		case record.Clusters:
			c.enqueueWaiting(v, change.Name)
		case registrations:
			c.enqueueSuperseded(v, change)
		}
	}
}

func uid(item view.Item) types.UID {
	if object, ok := item.(*view.Object); ok {
		return object.Record.Object.GetUID()
	}
	return ""
}

// sameAccess reports whether a change of a Cluster does not concern the access of agents.
// Clusters change all the time, so it must be cheap: it renders nothing.
func sameAccess(change *view.Change) bool {
	before, after, ok := follow.Both(change)
	if !ok {
		return false
	}
	old, now := before.Record.Object, after.Record.Object
	return before.Derived.Namespace == after.Derived.Namespace && old.GetUID() == now.GetUID() &&
		old.GetLabels()[v1alpha1.LabelClusterManagement] == now.GetLabels()[v1alpha1.LabelClusterManagement] &&
		old.GetDeletionTimestamp().Equal(now.GetDeletionTimestamp())
}

// enqueueWaiting adds the registrations that may have waited for the namespace of a Cluster,
// or that were granted for a Cluster that is gone.
func (c *Controller) enqueueWaiting(v *view.View, cluster record.Name) {
	item := v.Get(record.Clusters, cluster)
	if item == nil {
		// The registrations that were granted for it go with it.
		for r := range v.All(registrations, record.Name{Namespace: cluster.Namespace}) {
			if r.Name().Namespace != cluster.Namespace {
				return
			}
			if registration(r).Status.ClusterName == cluster.Name {
				c.queue.Add(ownership.Owner{Resource: registrations, Name: r.Name()})
			}
		}
		return
	}
	id := item.(*view.Object).Record.Object.(*v1alpha1.Cluster).Spec.ClientID
	for _, name := range c.clients.of(v, registrations, cluster.Namespace, id) {
		c.queue.Add(ownership.Owner{Resource: registrations, Name: name})
	}
}

// enqueueSuperseded adds the registrations that waited for the grant of one that is gone, or
// is being deleted.
func (c *Controller) enqueueSuperseded(v *view.View, change *view.Change) {
	if change.Prev == nil || eligible(change.Prev) == eligible(change.Next) && clientID(change.Prev) == clientID(change.Next) {
		return
	}
	for _, name := range c.clients.latest(v, change.Name.Namespace, clientID(change.Prev)) {
		c.queue.Add(ownership.Owner{Resource: registrations, Name: name})
	}
}

// asked returns a registration as it was written, without its status. It renders nothing. The
// caller must not modify it.
func asked(item view.Item) *v1alpha1.ClusterRegistration {
	return item.(*view.Object).Record.Object.(*v1alpha1.ClusterRegistration)
}

// registration renders a registration. The caller must not modify it.
func registration(item view.Item) *v1alpha1.ClusterRegistration {
	return item.Render().(*v1alpha1.ClusterRegistration)
}
