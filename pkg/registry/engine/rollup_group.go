// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollup"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// groupMember is a Cluster in a group's roll-up. It is immutable.
type groupMember struct {
	name    string
	weight  rollup.Weight
	entries []v1alpha1.NonReadyResource
}

func (m *groupMember) same(o *groupMember) bool {
	return m == o || m.weight == o.weight && rollup.SameEntries(m.entries, o.entries)
}

func newGroupMembers() *rollup.Ranked[*groupMember] {
	return rollup.NewRanked(
		func(a, b *groupMember) int { return cmp.Compare(a.name, b.name) },
		func(m *groupMember) rollup.Weight { return m.weight },
	)
}

// rollGroup shows on a ClusterGroup what follows from its Clusters.
func (w *work) rollGroup(name record.Name) {
	g, object := w.state.groups[name], w.object(record.ClusterGroups, name)
	if g == nil || object == nil {
		return
	}
	var first []rollup.Member
	for _, m := range g.members.Listed(0, everyone, rollup.Entries) {
		first = append(first, rollup.Member{Name: m.name, Entries: m.entries})
	}
	status := &view.GroupStatus{}
	rollup.GroupStatus(&status.ClusterGroupStatus, g.members.Len(), g.members.All(), first, g.failure)
	if next := object.With(view.Derived{Status: status}, view.VersionAt(w.at)); next != object {
		w.builder.Put(record.ClusterGroups, next)
	}
}
