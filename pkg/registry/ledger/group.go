// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// group is the roll-up of a ClusterGroup.
type group struct {
	name record.Name
	// failure says why its selector is malformed.
	failure string
	members *summary.Ranked[*groupMember]
}

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

// PutGroup notes that a ClusterGroup was written. failure says why its selector is malformed,
// "" if it is not. Its members come and go with the Looks of Clusters.
func (l *Ledger) PutGroup(name record.Name, failure string) {
	g := l.groups[name]
	if g == nil {
		g = &group{name: name, members: newGroupMembers()}
		l.groups[name] = g
	}
	g.failure = failure
	l.changed.groups[name] = struct{}{}
}

// RemoveGroup notes that a ClusterGroup is gone.
func (l *Ledger) RemoveGroup(name record.Name) { delete(l.groups, name) }

// closeGroup brings a ClusterGroup's status up to date with its Clusters.
func (l *Ledger) closeGroup(name record.Name, at view.Version) {
	g, object := l.groups[name], l.builder.Object(record.ClusterGroups, name)
	if g == nil || object == nil {
		return
	}
	var first []summary.Member
	for _, m := range g.members.Listed(0, allRanks, summary.Entries) {
		first = append(first, summary.Member{Name: m.name, Entries: m.entries})
	}
	status := &view.GroupStatus{}
	summary.GroupStatus(&status.ClusterGroupStatus, g.members.Len(), g.members.All(), first, g.failure)
	if next := object.With(view.Derived{Status: status}, at); next != object {
		l.builder.Put(record.ClusterGroups, next)
	}
}
