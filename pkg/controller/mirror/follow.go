// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// following returns the loop that adds mirrors to the queue when the log changes.
func (m *Mirror) following() *follow.Loop {
	resources := []string{record.Bundles, record.Clusters}
	return &follow.Loop{
		Source: m.Engine, Resources: resources, Whole: m.addAll, Every: again,
		Changed: func(_ *view.View, revisions []*view.Revision) {
			for resource, change := range follow.Changes(revisions, resources...) {
				if k, ok := concerned(resource, change); ok {
					m.queue.Add(k)
				}
			}
		},
	}
}

// addAll adds to the queue all objects that have a mirror or may need one.
func (m *Mirror) addAll(v *view.View) {
	for _, name := range m.outside.namespaceNames() {
		m.queue.Add(key{record.Namespaces, record.Name{Name: name}})
	}
	if names, err := m.Engine.MirroredNamespaces(); err == nil {
		for _, name := range names {
			m.queue.Add(key{record.Namespaces, record.Name{Name: name}})
		}
	}
	if names, err := m.Engine.BundlesWithValues(); err == nil {
		for _, name := range names {
			m.queue.Add(key{record.Secrets, name})
		}
	}
	for item := range v.All(record.Bundles, record.Name{}) {
		if wantsValues(item) {
			m.queue.Add(key{record.Secrets, item.Name()})
		}
	}
}
