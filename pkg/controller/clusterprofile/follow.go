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

// note notes to which profile a Cluster belongs, and adds it to the queue.
func (c *Controller) note(name record.Name, item view.Item) {
	c.belonging.set(name, objectOf(item))
	c.queue.Add(name)
}

// objectOf returns a Cluster as it was written, without its status; nil if it does not exist.
func objectOf(item view.Item) metav1.Object {
	if object, ok := item.(*view.Object); ok && object != nil {
		return object.Record.Object
	}
	return nil
}
