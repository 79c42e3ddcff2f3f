// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"time"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// follow puts into the queue what changes in the log, and everything at first, now
// and then, and whenever the history does not reach back.
func (m *Mirror) follow(ctx context.Context) {
	all := time.NewTicker(again)
	defer all.Stop()
	seen := int64(-1)
	for {
		bundles, clusters := m.Engine.Wait(engine.Scope{Resource: record.Bundles}), m.Engine.Wait(engine.Scope{Resource: record.Clusters})
		if v, err := m.Engine.Current(); err == nil {
			m.note(v, seen)
			seen = v.Revision
		}
		select {
		case <-ctx.Done():
			return
		case <-bundles:
		case <-clusters:
		case <-all.C:
			seen = -1
		}
	}
}

func (m *Mirror) note(v *view.View, seen int64) {
	revisions, err := v.Since(seen)
	if seen < 0 || seen > v.Revision || err != nil {
		m.noteAll(v)
		return
	}
	for _, revision := range revisions {
		for _, resource := range []string{record.Bundles, record.Clusters} {
			for _, change := range revision.Changes(resource, "", "") {
				if k, ok := concerned(resource, change); ok {
					m.queue.Add(k)
				}
			}
		}
	}
}

// noteAll notes what has a mirror, and what might need one.
func (m *Mirror) noteAll(v *view.View) {
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
