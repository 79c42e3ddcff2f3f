// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"math"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/reports"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// allRanks is an end of a range of ranks that is beyond every rank.
const allRanks = math.MaxInt

// Bundle is the roll-up of a Bundle.
type Bundle struct {
	name       record.Name
	members    *summary.Ranked[Member]
	listed     listing
	partitions []*partition
	// cutBy is the version from which the partitions come.
	cutBy *v1alpha1.Bundle
	// inPartitions are the listings of all partitions, manual or not.
	inPartitions []listing
	basis        Basis
	// ready is the Ready condition. While it is False, source lists the Bundle as unready.
	ready   v1alpha1.GenericCondition
	source  sourceKey
	unready bool
}

// Basis is what a Bundle's status depends on besides its pairs.
type Basis struct {
	// Newest is the record of the newest version.
	Newest *record.Object
	// InForce is the version in force, nil if none is.
	InForce *v1alpha1.Bundle
	// Failure says why the newest version fails, "" if it does not.
	Failure string
}

// Member is a pair in the roll-up of its Bundle.
type Member struct {
	Cluster *Cluster
	// Wanted is the computed content, nil if the pair fails and nothing is pinned.
	Wanted *derive.Content
	// Shown is nil if the pair has no BundleDeployment.
	Shown *view.BundleDeployment
}

// compare orders members by the Cluster's name, then its namespace (S 2.5).
func (m Member) compare(o Member) int { return m.Cluster.compare(o.Cluster) }

// same reports whether two states of a member add the same to the sums.
func (m Member) same(o Member) bool {
	return m.Cluster == o.Cluster && m.Shown == o.Shown && m.Wanted.Equal(o.Wanted)
}

// deployment returns what a Bundle's roll-up reads of a member. It wants what is computed,
// whatever is promoted (S 7.1).
func (m Member) deployment() summary.Deployment {
	d := m.unnamed()
	d.Name = m.Cluster.name.String()
	return d
}

func (m Member) weight() summary.Weight { return m.unnamed().Weight() }

func (m Member) unnamed() summary.Deployment {
	if m.Shown == nil {
		return summary.Deployment{Missing: true}
	}
	d := stored(m.Shown)
	if m.Wanted != nil {
		d.Want = m.Wanted.DeploymentID
	}
	return d
}

func newMembers() *summary.Ranked[Member] { return summary.NewRanked(Member.compare, Member.weight) }

// AddBundle returns the roll-up of a new Bundle.
func (l *Ledger) AddBundle(name record.Name) *Bundle {
	b := &Bundle{name: name, members: newMembers()}
	l.bundles[name] = b
	return b
}

// RemoveBundle removes the roll-up of a Bundle, and all references to it.
func (l *Ledger) RemoveBundle(b *Bundle) {
	for m := range b.members.Each(0, allRanks) {
		delete(m.Cluster.partitioned, b)
	}
	l.leaveSource(b)
	delete(l.bundles, b.name)
}

// Pair enters a pair of the version in force into its Bundle's roll-up, or updates it there.
func (l *Ledger) Pair(b *Bundle, m Member) {
	was, known := b.members.Get(m)
	if known && len(b.partitions) == 0 && was.same(m) {
		return
	}
	l.changed.bundles[b] = struct{}{}
	b.members.Put(m)
	b.enterPartitions(m)
}

// Unpair removes a Cluster's pair from a Bundle's roll-up, if the roll-up has it.
func (l *Ledger) Unpair(b *Bundle, c *Cluster) {
	m := Member{Cluster: c}
	if _, known := b.members.Get(m); known {
		l.changed.bundles[b] = struct{}{}
	}
	b.members.Delete(m)
	b.leavePartitions(m)
}

// Basis sets what a Bundle's status depends on besides its pairs.
func (l *Ledger) Basis(b *Bundle, now Basis) {
	b.InForce(now.InForce)
	if now == b.basis {
		return
	}
	b.basis = now
	l.changed.bundles[b] = struct{}{}
}

// closeBundle brings a Bundle's status up to date.
func (l *Ledger) closeBundle(b *Bundle, at view.Version) {
	if l.bundles[b.name] != b {
		return
	}
	object, failure := l.builder.Object(record.Bundles, b.name), b.basis.Failure
	was, _ := object.Derived.Status.(*view.BundleStatus)
	status := b.status(was)
	if next := object.With(view.Derived{Failure: failure, Status: status}, at); next != object {
		l.builder.Put(record.Bundles, next)
	}
	conditions := status.Conditions
	if failure != "" {
		conditions = reports.WithError(conditions, failure)
	}
	b.ready = v1alpha1.GenericCondition{}
	if len(conditions) > 0 {
		b.ready = conditions[0]
	}
	l.closeSourceOf(b)
}

// status returns a Bundle's roll-up. It shares the lists of members that are not ready with
// the last one, because history holds a roll-up for each revision, and most of its size is
// these lists.
func (b *Bundle) status(was *view.BundleStatus) *view.BundleStatus {
	out := &view.BundleStatus{}
	status := &out.BundleStatus
	status.ResourcesSHA256Sum = b.basis.Newest.Digest
	v := b.basis.InForce
	if v == nil {
		return out // no version ever worked
	}
	status.ObservedGeneration = v.Generation
	members := b.members
	summary.BundleStatus(status, members.All(), entries(&b.listed, members, 0, allRanks, Member.deployment))
	if was != nil {
		shareEntries(&status.Summary, &was.Summary)
	}
	b.rollOutStatus(v, status, was)
	return out
}

// shareEntries makes two lists share their memory if they show the same.
func shareEntries(is, was *v1alpha1.BundleSummary) {
	if summary.SameEntries(is.NonReadyResources, was.NonReadyResources) {
		is.NonReadyResources = was.NonReadyResources
	}
}
