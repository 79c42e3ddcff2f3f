// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Cluster is the roll-up of a Cluster.
type Cluster struct {
	name record.Name
	uid  types.UID
	// looks is what groups and partitions see of it.
	looks Looks
	// partitioned are the Bundles that have manual partitions and a pair here.
	partitioned map[*Bundle]struct{}
	// shown are its BundleDeployments.
	shown *summary.Ranked[*view.BundleDeployment]
	// gitRepos and helmOps count the sources of its BundleDeployments.
	gitRepos, helmOps summary.Readiness
	listed            listing
	// last is the Cluster as its groups know it. groups are these groups.
	last   *groupMember
	groups []*group
	// status is what the Cluster shows, nil if it shows none.
	status *clusterStatus
}

// Looks is what a Cluster's roll-up depends on besides its BundleDeployments.
type Looks struct {
	Targeting targeting.Cluster
	// Placed reports whether it has a namespace for BundleDeployments.
	Placed bool
	// Barred says why it can have no BundleDeployments, "" if it can.
	Barred string
}

// compare orders Clusters by name, then namespace (S 2.5).
func (c *Cluster) compare(o *Cluster) int {
	return cmp.Or(cmp.Compare(c.name.Name, o.name.Name), cmp.Compare(c.name.Namespace, o.name.Namespace))
}

// AddCluster returns the roll-up of a new Cluster. Looks must follow before Close.
func (l *Ledger) AddCluster(name record.Name, uid types.UID) *Cluster {
	byName := func(a, b *view.BundleDeployment) int {
		return cmp.Or(cmp.Compare(a.Bundle.Bundle.Name, b.Bundle.Bundle.Name), cmp.Compare(a.Cluster.Namespace, b.Cluster.Namespace))
	}
	c := &Cluster{name: name, uid: uid, partitioned: map[*Bundle]struct{}{}, shown: summary.NewRanked(byName, weighStored)}
	l.clusters[name] = c
	l.changed.clusters[c] = struct{}{}
	return c
}

// RemoveCluster removes the roll-up of a Cluster. Its BundleDeployments must have moved before.
func (l *Ledger) RemoveCluster(c *Cluster) {
	delete(l.clusters, c.name)
	l.changed.clusters[c] = struct{}{}
}

// Looks sets how a Cluster looks now. Its groups must have been put before.
func (l *Ledger) Looks(c *Cluster, now Looks) {
	was := c.looks
	c.looks = now
	sameGroups := slices.EqualFunc(was.Targeting.Groups, now.Targeting.Groups, func(a, b targeting.Group) bool {
		return a.Name == b.Name && maps.Equal(a.Labels, b.Labels)
	})
	if !sameGroups || was.Placed != now.Placed || was.Barred != now.Barred {
		l.changed.clusters[c] = struct{}{}
	}
	if !sameGroups || !maps.Equal(was.Targeting.Labels, now.Targeting.Labels) {
		l.changed.repartitioned[c] = struct{}{}
	}
}

// clusterOf returns the roll-up of a BundleDeployment's Cluster, nil if the Cluster is gone.
func (l *Ledger) clusterOf(d *view.BundleDeployment) *Cluster {
	if d == nil {
		return nil
	}
	return l.ofFace(d.Cluster.Cluster)
}

func (l *Ledger) ofFace(face *v1alpha1.Cluster) *Cluster {
	c := l.clusters[record.Name{Namespace: face.Namespace, Name: face.Name}]
	if c == nil || c.uid != face.UID {
		return nil
	}
	return c
}

// clusterStatus is the roll-up of a Cluster in a small form. The status is made from it when
// the Cluster is read. History holds one for each edit, and a status with its conditions is
// five times as large. It is immutable.
type clusterStatus struct {
	// sum contains only what a Cluster shows.
	sum               summary.Weight
	first             []v1alpha1.NonReadyResource
	gitRepos, helmOps summary.Readiness
}

var _ view.Status = (*clusterStatus)(nil)

// Over implements view.Status.
func (s *clusterStatus) Over(object record.APIObject) {
	out := &view.ClusterStatus{}
	out.Agent.LastSeen = seen
	summary.ClusterStatus(&out.ClusterStatus, s.sum, s.first, s.gitRepos, s.helmOps)
	out.Agent.LastSeen = metav1.Time{}
	out.Over(object)
}

// seen stands for any time at which an agent was seen. The state of a Cluster whose agent was
// never seen is filled in when the status is joined.
var seen = metav1.NewTime(time.Unix(1, 0))

// Same implements view.Status.
func (s *clusterStatus) Same(other view.Status) bool {
	o, ok := other.(*clusterStatus)
	return ok && s.same(o)
}

func (s *clusterStatus) same(o *clusterStatus) bool {
	return s == o || s.sum == o.sum && s.gitRepos == o.gitRepos && s.helmOps == o.helmOps && summary.SameEntries(s.first, o.first)
}

// closeCluster brings a Cluster's status up to date with its BundleDeployments, and passes
// the change on to its groups.
func (l *Ledger) closeCluster(c *Cluster, at view.Version) {
	if l.clusters[c.name] != c {
		return
	}
	object := l.builder.Object(record.Clusters, c.name)
	derived := object.Derived
	sum := c.shown.All()
	next := &groupMember{name: c.name.Name, weight: summary.GroupMember(sum)}
	derived.Status, derived.Failure = nil, c.looks.Barred
	if c.looks.Placed {
		now := &clusterStatus{sum.Shown(), entries(&c.listed, c.shown, 0, allRanks, stored), c.gitRepos, c.helmOps}
		if c.status != nil && summary.SameEntries(now.first, c.status.first) {
			now.first = c.status.first
		}
		next.entries = now.first
		derived.Status = now
	}
	shown := object.With(derived, at)
	if shown != object {
		l.builder.Put(record.Clusters, shown)
	}
	c.status, _ = shown.Derived.Status.(*clusterStatus)
	var groups []*group
	for _, g := range c.looks.Targeting.Groups {
		groups = append(groups, l.groups[record.Name{Namespace: c.name.Namespace, Name: g.Name}])
	}
	l.regroup(c, next, groups)
}

// regroup moves a Cluster from its former groups to its current ones. next is nil if the
// Cluster is gone.
func (l *Ledger) regroup(c *Cluster, next *groupMember, groups []*group) {
	if next != nil && c.last != nil && next.same(c.last) {
		next = c.last
	}
	for _, g := range c.groups {
		if !slices.Contains(groups, g) {
			g.members.Delete(c.last)
			l.changed.groups[g.name] = struct{}{}
		}
	}
	for _, g := range groups {
		if next != c.last || !slices.Contains(c.groups, g) {
			g.members.Put(next)
			l.changed.groups[g.name] = struct{}{}
		}
	}
	c.last, c.groups = next, groups
}
