// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// clusterRoll is what a Cluster rolls up.
type clusterRoll struct {
	// shown are its BundleDeployments.
	shown *summary.Ranked[*view.BundleDeployment]
	// gitRepos and helmOps count the objects that its BundleDeployments come of.
	gitRepos, helmOps summary.Readiness
	listed            listing
	// last is the Cluster as its groups know it, and groups are those.
	last   *groupMember
	groups []*group
	// status is what the Cluster shows; nil if it shows none.
	status *clusterStatus
}

// clusterStatus is the roll-up of a Cluster, as what it follows from: the status is made
// of that when the Cluster is read. History holds one for each edit, and a status with
// its conditions is five times as large. It is immutable.
type clusterStatus struct {
	// sum has nothing that does not show in a Cluster.
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

// seen stands for any time at which an agent was seen: the state of a Cluster
// whose agent never was is put in when the status is joined.
var seen = metav1.NewTime(time.Unix(1, 0))

// Same implements view.Status.
func (s *clusterStatus) Same(other view.Status) bool {
	o, ok := other.(*clusterStatus)
	return ok && s.same(o)
}

func (s *clusterStatus) same(o *clusterStatus) bool {
	return s == o || s.sum == o.sum && s.gitRepos == o.gitRepos && s.helmOps == o.helmOps && summary.SameEntries(s.first, o.first)
}

func newClusterRoll() clusterRoll {
	byName := func(a, b *view.BundleDeployment) int {
		return cmp.Or(cmp.Compare(a.Bundle.Bundle.Name, b.Bundle.Bundle.Name), cmp.Compare(a.Cluster.Namespace, b.Cluster.Namespace))
	}
	return clusterRoll{shown: summary.NewRanked(byName, weighStored)}
}

// rollCluster shows on a Cluster what follows from its BundleDeployments, and
// tells its groups.
func (w *work) rollCluster(c *cluster) {
	if w.state.clusters[c.name] != c {
		return
	}
	object := w.object(record.Clusters, c.name)
	derived := object.Derived
	sum := c.shown.All()
	next := &groupMember{name: c.name.Name, weight: summary.GroupMember(sum)}
	derived.Status, derived.Failure = nil, c.barred
	if c.face.Namespace != "" {
		now := &clusterStatus{sum.Shown(), entries(&c.listed, c.shown, 0, everyone, stored), c.gitRepos, c.helmOps}
		if c.status != nil && summary.SameEntries(now.first, c.status.first) {
			now.first = c.status.first
		}
		next.entries = now.first
		derived.Status = now
	}
	shown := object.With(derived, view.VersionAt(w.at))
	if shown != object {
		w.builder.Put(record.Clusters, shown)
	}
	c.status, _ = shown.Derived.Status.(*clusterStatus)
	var groups []*group
	for _, g := range c.targeting.Groups {
		groups = append(groups, w.state.groups[record.Name{Namespace: c.name.Namespace, Name: g.Name}])
	}
	w.regroupRoll(c, next, groups)
}

// regroupRoll moves a Cluster from the groups that it was in to those that it is
// in. Next is nil if it is in none, because it is gone.
func (w *work) regroupRoll(c *cluster, next *groupMember, groups []*group) {
	if next != nil && c.last != nil && next.same(c.last) {
		next = c.last
	}
	for _, g := range c.groups {
		if !slices.Contains(groups, g) {
			g.members.Delete(c.last)
			w.rolled.groups[g.name] = struct{}{}
		}
	}
	for _, g := range groups {
		if next != c.last || !slices.Contains(c.groups, g) {
			g.members.Put(next)
			w.rolled.groups[g.name] = struct{}{}
		}
	}
	c.last, c.groups = next, groups
}
