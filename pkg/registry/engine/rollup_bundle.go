// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"math"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// everyone is an end of ranks that is beyond all of them.
const everyone = math.MaxInt

// member is a pair in the roll-up of its Bundle.
type member struct {
	cluster *cluster
	pair    *pair
	// shown is nil if there is no BundleDeployment.
	shown *view.BundleDeployment
}

// compare orders members by the Cluster's name, then its namespace (S 2.5).
func (m member) compare(o member) int {
	return cmp.Or(
		cmp.Compare(m.cluster.name.Name, o.cluster.name.Name),
		cmp.Compare(m.cluster.name.Namespace, o.cluster.name.Namespace),
	)
}

// same tells whether two states of a member add the same.
func (m member) same(o member) bool {
	return m.cluster == o.cluster && m.shown == o.shown && m.pair.content.Equal(o.pair.content)
}

// deployment is what a Bundle's roll-up reads: it wants what is computed, whatever
// is promoted (S 7.1).
func (m member) deployment() summary.Deployment {
	name := m.cluster.name.String()
	if m.shown == nil {
		return summary.Deployment{Name: name, Missing: true}
	}
	d := stored(m.shown)
	d.Name = name
	if m.pair.content != nil {
		d.Want = m.pair.content.DeploymentID
	}
	return d
}

func (m member) weight() summary.Weight {
	if m.shown == nil {
		return summary.Deployment{Missing: true}.Weight()
	}
	d := stored(m.shown)
	if m.pair.content != nil {
		d.Want = m.pair.content.DeploymentID
	}
	return d.Weight()
}

// bundleRoll is what a Bundle rolls up.
type bundleRoll struct {
	members    *summary.Ranked[member]
	listed     listing
	partitions []*partition
	// sections are the listings of the partitions, manual or not.
	sections []listing
	// cut is the version that the partitions are of.
	cut *version
	// ready is the Ready condition. While it is False, the Bundle is known to origin
	// as unready.
	ready   v1alpha1.GenericCondition
	origin  originKey
	unready bool
	// basis is what else the status was made of.
	basis basis
}

// basis is what a Bundle's status follows from beside its members.
type basis struct {
	newest  *record.Object
	inForce *version
	failure string
}

func newMembers() *summary.Ranked[member] {
	return summary.NewRanked(member.compare, member.weight)
}

// rollPair enters a pair into its Bundle's roll-up, or takes it out.
func (w *work) rollPair(c claim) {
	b := c.bundle
	if w.state.bundles[b.name] != b {
		return
	}
	b.cutPartitions(w.inForce(b))
	m := member{cluster: c.cluster}
	if now := w.state.clusters[c.cluster.name]; now != nil {
		m.cluster = now // it may have been replaced by one of its name
		if v := w.inForce(b); v != nil {
			m.pair = v.pairs[now]
		}
	}
	was, known := b.roll.members.Get(m)
	if m.pair == nil {
		if known {
			w.rolled.bundles[b] = struct{}{}
		}
		b.roll.members.Delete(m)
		b.leavePartitions(m)
		return
	}
	if have := w.deployment(claim{b, m.cluster}.key()); have != nil && (claim{b, m.cluster}).holds(have) {
		m.shown = have
	}
	if known && len(b.roll.partitions) == 0 && was.same(m) {
		return
	}
	w.rolled.bundles[b] = struct{}{}
	b.roll.members.Put(m)
	b.enterPartitions(m)
}

// rollBundle shows on a Bundle what follows from its pairs, and why its newest
// version fails, if it does.
func (w *work) rollBundle(b *bundle) {
	if w.state.bundles[b.name] != b {
		return
	}
	now := basis{b.newest.record, w.inForce(b), w.failureOf(b)}
	if _, moved := w.rolled.bundles[b]; !moved && now == b.roll.basis {
		return
	}
	b.roll.basis = now
	object, failure := w.object(record.Bundles, b.name), now.failure
	was, _ := object.Derived.Status.(*view.BundleStatus)
	status := w.bundleStatus(b, was)
	if next := object.With(view.Derived{Failure: failure, Status: status}, view.VersionAt(w.at)); next != object {
		w.builder.Put(record.Bundles, next)
	}
	conditions := status.Conditions
	if failure != "" {
		conditions = derive.WithError(conditions, failure)
	}
	b.roll.ready = v1alpha1.GenericCondition{}
	if len(conditions) > 0 {
		b.roll.ready = conditions[0]
	}
	w.rollOriginOf(b)
}

// bundleStatus makes a Bundle's roll-up. It shares with the last one the lists of those
// that are not ready, of the Bundle and of its partitions: history holds a roll-up for
// each revision, and these are most of one, and rarely others than before.
func (w *work) bundleStatus(b *bundle, was *view.BundleStatus) *view.BundleStatus {
	out := &view.BundleStatus{}
	status := &out.BundleStatus
	status.ResourcesSHA256Sum = b.newest.record.Digest
	v := w.inForce(b)
	if v == nil {
		return out // it never worked: there is nothing to tell
	}
	status.ObservedGeneration = v.bundle.Generation
	members := b.roll.members
	summary.BundleStatus(status, members.All(), entries(&b.roll.listed, members, 0, everyone, member.deployment))
	if was != nil {
		shareEntries(&status.Summary, &was.Summary)
	}
	b.cutPartitions(v)
	b.rollOutStatus(v, status, was)
	return out
}

// shareEntries makes two lists one if they show the same.
func shareEntries(is, was *v1alpha1.BundleSummary) {
	if summary.SameEntries(is.NonReadyResources, was.NonReadyResources) {
		is.NonReadyResources = was.NonReadyResources
	}
}
