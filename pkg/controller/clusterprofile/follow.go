// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// following returns the loop that adds Clusters to the queue when they change. Reports of
// agents and roll-ups, which change all the time, do not count.
func (c *Controller) following() *follow.Loop {
	return &follow.Loop{
		Source: c.Engine, Resources: []string{record.Clusters},
		Whole: func(v *view.View) {
			for item := range v.All(record.Clusters, record.Name{}) {
				c.note(item.Name(), item)
			}
		},
		Changed: func(_ *view.View, revisions []*view.Revision) {
			for _, change := range follow.Changes(revisions, record.Clusters) {
				if prev, next, ok := follow.Both(change); !ok || prev.RecordRevision != next.RecordRevision {
					c.note(change.Name, change.Next)
				}
			}
		},
	}
}

// note notes to which profile a Cluster belongs, and adds it to the queue if it has to be
// written. So the event that a write causes takes no turn.
func (c *Controller) note(name record.Name, item view.Item) {
	cluster := objectOf(item)
	c.belonging.set(name, cluster)
	c.consider(name, cluster)
}

func (c *Controller) consider(name record.Name, cluster metav1.Object) {
	plan, needed, err := c.planOf(cluster)
	switch {
	case needed || err != nil:
		c.queue.Add(name)
	case plan.again > 0:
		c.queue.AddAfter(name, plan.again)
	}
}

// profileChanged considers the Clusters that may belong to a profile.
func (c *Controller) profileChanged(profile record.Name) {
	v, err := c.Engine.Current()
	for _, cluster := range c.belonging.of(profile) {
		if err != nil {
			c.queue.Add(cluster) // it is looked at when a view exists
			continue
		}
		c.consider(cluster, objectOf(v.Get(record.Clusters, cluster)))
	}
}

// objectOf returns a Cluster as it was written, without its status; nil if it does not exist.
func objectOf(item view.Item) metav1.Object {
	if object, ok := item.(*view.Object); ok && object != nil {
		return object.Record.Object
	}
	return nil
}
