// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/ledger"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// put replaces the current BundleDeployment, nil if there is none.
func (w *work) put(have, next *view.BundleDeployment) {
	w.moved(have, next)
	w.builder.Put(record.BundleDeployments, next)
}

// remove removes the current BundleDeployment.
func (w *work) remove(have *view.BundleDeployment) {
	w.moved(have, nil)
	w.builder.Delete(record.BundleDeployments, have.Name())
}

// moved notes what the change of a BundleDeployment from prev to next changes elsewhere.
// One of the two may be nil.
func (w *work) moved(prev, next *view.BundleDeployment) {
	w.ledger.Moved(prev, next)
	w.hidden.moved(prev, next)
	for _, d := range []*view.BundleDeployment{prev, next} {
		if d == nil {
			continue
		}
		c := claim{w.bundleOf(d), w.clusterOf(d)}
		if c != w.settling && c.bundle != nil && c.cluster != nil {
			w.unsettled[c] = struct{}{}
		}
		if name := d.Name(); w.mirrors.obstructed[name] != nil || w.mirrors.downstream[name].Obstacle != "" {
			w.reported[name] = struct{}{}
		}
	}
}

// clusterOf returns the cluster of a BundleDeployment, nil if it is gone.
func (s *State) clusterOf(d *view.BundleDeployment) *cluster {
	face := d.Cluster.Cluster
	c := s.clusters[record.Name{Namespace: face.Namespace, Name: face.Name}]
	if c == nil || c.object.UID != face.UID {
		return nil
	}
	return c
}

// bundleOf returns the bundle of a BundleDeployment, nil if it is gone.
func (s *State) bundleOf(d *view.BundleDeployment) *bundle {
	face := d.Bundle.Bundle
	b := s.bundles[record.Name{Namespace: face.Namespace, Name: face.Name}]
	if b == nil || b.newest.bundle.UID != face.UID {
		return nil
	}
	return b
}

// closeLedger passes the changed pairs and Bundles to the ledger, which then brings the
// derived statuses up to date.
func (w *work) closeLedger() {
	for c := range w.settle.claims {
		w.enterPair(c)
	}
	for c := range w.unsettled {
		w.enterPair(c)
	}
	for b := range w.before {
		w.enterBasis(b)
	}
	for b := range w.obstructed {
		w.enterBasis(b)
	}
	w.ledger.Close(view.VersionAt(w.at))
}

// enterPair passes the state of a pair to the ledger, or that it ended.
func (w *work) enterPair(c claim) {
	b := c.bundle
	if w.State.bundles[b.name] != b {
		return
	}
	v := w.inForce(b)
	b.roll.InForce(v.object())
	now := w.State.clusters[c.cluster.name] // may have been replaced by another cluster with its name
	switch {
	case now == nil:
		w.ledger.Unpair(b.roll, c.cluster.roll)
		return
	case v == nil || v.pairs[now] == nil:
		w.ledger.Unpair(b.roll, now.roll)
		return
	}
	member := ledger.Member{Cluster: now.roll, Wanted: v.pairs[now].content}
	if have := w.deployment(claim{b, now}.key()); have != nil && (claim{b, now}).holds(have) {
		member.Shown = have
	}
	w.ledger.Pair(b.roll, member)
}

// enterBasis tells the ledger the facts beside its pairs that a bundle's status follows from.
func (w *work) enterBasis(b *bundle) {
	if w.State.bundles[b.name] == b {
		w.ledger.Basis(b.roll, ledger.Basis{Newest: b.newest.record, InForce: w.inForce(b).object(), Failure: w.failureOf(b)})
	}
}

// object returns a version's Bundle, nil if v is nil.
func (v *version) object() *v1alpha1.Bundle {
	if v == nil {
		return nil
	}
	return v.bundle
}
