// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Roll-ups (S 7) follow from the BundleDeployments, and each from the ones below:
//
//	pair ──► Bundle ─────────────────┐ (a Ready condition that is False)
//	  │                              ▼
//	  └► BundleDeployment ──────► GitRepo, HelmOp
//	                      └─────► Cluster ──► ClusterGroup
//
// Each object keeps what it rolls up in order, with sums by rank (summary.Ranked), so
// a change costs a path through one tree for each of the four, not a scan.

// rolled is whose roll-ups a revision may change.
type rolled struct {
	// pairs are those whose BundleDeployment changed, beside those to settle.
	pairs    map[claim]struct{}
	bundles  map[*bundle]struct{}
	clusters map[*cluster]struct{}
	groups   map[record.Name]struct{}
	origins  map[originKey]struct{}
	// objects are the GitRepos and HelmOps that were written.
	objects map[originKey]struct{}
}

func newRolled() rolled {
	return rolled{
		pairs:    map[claim]struct{}{},
		bundles:  map[*bundle]struct{}{},
		clusters: map[*cluster]struct{}{},
		groups:   map[record.Name]struct{}{},
		origins:  map[originKey]struct{}{},
		objects:  map[originKey]struct{}{},
	}
}

// put shows a BundleDeployment, in the place of the one that is there, or nil.
func (w *work) put(have, next *view.BundleDeployment) {
	w.moved(have, next)
	w.hidden.moved(have, next)
	w.builder.Put(record.BundleDeployments, next)
}

// remove takes a BundleDeployment away that is there.
func (w *work) remove(have *view.BundleDeployment) {
	w.moved(have, nil)
	w.hidden.moved(have, nil)
	w.builder.Delete(record.BundleDeployments, have.Name())
}

// moved takes a BundleDeployment from the roll-ups that it was in to those that it
// is in now. Of the two, one may be nil.
func (w *work) moved(prev, next *view.BundleDeployment) {
	was, is := w.clusterOf(prev), w.clusterOf(next)
	if was != nil && was != is {
		was.shown.Delete(prev)
		w.rolled.clusters[was] = struct{}{}
	}
	if is != nil {
		is.shown.Put(next)
		w.rolled.clusters[is] = struct{}{}
	}
	w.movedOrigin(prev, next)
	for _, d := range []*view.BundleDeployment{prev, next} {
		if d == nil {
			continue
		}
		c := claim{w.bundleOf(d), w.clusterOf(d)}
		if c != w.settling && c.bundle != nil && c.cluster != nil {
			w.rolled.pairs[c] = struct{}{}
		}
		if name := d.Name(); w.mirrors.obstructed[name] != nil || w.mirrors.downstream[name].Obstacle != "" {
			w.reported[name] = struct{}{}
		}
	}
}

// clusterOf is the cluster of a BundleDeployment; nil if it is gone.
func (s *state) clusterOf(d *view.BundleDeployment) *cluster {
	if d == nil {
		return nil
	}
	face := d.Cluster.Cluster
	c := s.clusters[record.Name{Namespace: face.Namespace, Name: face.Name}]
	if c == nil || c.object.UID != face.UID {
		return nil
	}
	return c
}

// bundleOf is the bundle of a BundleDeployment; nil if it is gone.
func (s *state) bundleOf(d *view.BundleDeployment) *bundle {
	face := d.Bundle.Bundle
	b := s.bundles[record.Name{Namespace: face.Namespace, Name: face.Name}]
	if b == nil || b.newest.bundle.UID != face.UID {
		return nil
	}
	return b
}

// rollUp brings the derived statuses up to what is published: what is below first.
func (w *work) rollUp() {
	for c := range w.settle.claims {
		w.rollPair(c)
	}
	for c := range w.rolled.pairs {
		w.rollPair(c)
	}
	for b := range w.before {
		if w.state.bundles[b.name] != b {
			w.leaveOrigin(b)
		}
	}
	for b := range w.before {
		w.rollBundle(b)
	}
	for b := range w.rolled.bundles {
		if _, done := w.before[b]; !done {
			w.rollBundle(b)
		}
	}
	for key := range w.rolled.objects {
		w.noteOrigin(key)
	}
	for c := range w.rolled.clusters {
		if w.state.clusters[c.name] != c {
			w.regroupRoll(c, nil, nil) // before another of its name takes its places
		}
	}
	for c := range w.rolled.clusters {
		w.rollCluster(c)
	}
	for name := range w.rolled.groups {
		w.rollGroup(name)
	}
	for key := range w.rolled.origins {
		w.rollOrigin(key)
	}
}

// stored is what roll-ups read of a BundleDeployment as it stands: Clusters,
// GitRepos and HelmOps go by what is promoted (S 7.1).
func stored(d *view.BundleDeployment) summary.Deployment {
	out := summary.Deployment{
		Name:     d.Bundle.Bundle.Name,
		Want:     d.Content.DeploymentID,
		Staged:   stagedOf(d).DeploymentID,
		Promoted: d.Content.DeploymentID,
	}
	if d.Report != nil {
		out.Report = d.Report
	}
	return out
}

func stagedOf(d *view.BundleDeployment) *derive.Content { return cmp.Or(d.Staged, d.Content) }

func weighStored(d *view.BundleDeployment) summary.Weight { return stored(d).Weight() }
