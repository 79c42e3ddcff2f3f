// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// groupMember is a Cluster in a group's roll-up. It is immutable.
type groupMember struct {
	name    string
	weight  summary.Weight
	entries []v1alpha1.NonReadyResource
}

func (m *groupMember) same(o *groupMember) bool {
	return m == o || m.weight == o.weight && summary.SameEntries(m.entries, o.entries)
}

func newGroupMembers() *summary.Ranked[*groupMember] {
	return summary.NewRanked(
		func(a, b *groupMember) int { return cmp.Compare(a.name, b.name) },
		func(m *groupMember) summary.Weight { return m.weight },
	)
}

// rollGroup shows on a ClusterGroup what follows from its Clusters.
func (w *work) rollGroup(name record.Name) {
	g, object := w.state.groups[name], w.object(record.ClusterGroups, name)
	if g == nil || object == nil {
		return
	}
	var first []summary.Member
	for _, m := range g.members.Listed(0, everyone, summary.Entries) {
		first = append(first, summary.Member{Name: m.name, Entries: m.entries})
	}
	status := &view.GroupStatus{}
	summary.GroupStatus(&status.ClusterGroupStatus, g.members.Len(), g.members.All(), first, g.failure)
	if next := object.With(view.Derived{Status: status}, view.VersionAt(w.at)); next != object {
		w.builder.Put(record.ClusterGroups, next)
	}
}
