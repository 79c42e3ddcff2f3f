// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/state/undecodable"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// holds is what is known of roll-outs.
type holds struct {
	// promotions by BundleDeployment, alive or not.
	promotions map[record.Name]*promotion
	// promoted counts promotions by the name of the BundleDeployment alone, which is
	// the Bundle's.
	promoted map[string]int
	// rollouts by Bundle, alive or not.
	rollouts map[record.Name]storedPin[record.Rollout]
	// paused are the clusters that are.
	paused map[*cluster]struct{}
	// partitioned are the bundles of which a version has partitions of its own.
	partitioned map[*bundle]struct{}
	// named and placed find who may claim a BundleDeployment: bundles by name, and
	// clusters by their namespace for BundleDeployments.
	named  map[string][]*bundle
	placed map[string][]*cluster
	// crowded counts the namespaces that several clusters share.
	crowded int
}

func newHolds() holds {
	return holds{
		promotions: map[record.Name]*promotion{},
		promoted:   map[string]int{},
		rollouts:   map[record.Name]storedPin[record.Rollout]{},
		paused:     map[*cluster]struct{}{},

		partitioned: map[*bundle]struct{}{},
		named:       map[string][]*bundle{},
		placed:      map[string][]*cluster{},
	}
}

func (w *work) takePromotion(r *etcd.Record) error {
	name := r.Key.Name
	w.promoted[name] = struct{}{}
	last := w.holds.promotions[name]
	if last != nil {
		delete(w.holds.promotions, name)
		if w.holds.promoted[name.Name]--; w.holds.promoted[name.Name] == 0 {
			delete(w.holds.promoted, name.Name)
		}
	}
	if r.Value == nil {
		return nil
	}
	next := &promotion{revision: r.Revision} // without the revision it could not be replaced
	decoded, err := record.DecodePromotion(r.Value)
	switch {
	case err == nil:
		next.Promotion, next.uid = rollout.NewPromotion(decoded), decoded.UID
	case last != nil:
		// It stays what it was: where limits hold, the BundleDeployment would be gone
		// without it, and an agent would uninstall.
		next.Promotion, next.uid, next.unread = last.Promotion, last.uid, true
		err = undecodable.Kept(err)
	default:
		next.Promotion, next.unread = rollout.NewPromotion(&record.Promotion{}), true // of no BundleDeployment
	}
	w.holds.promotions[name] = next
	w.holds.promoted[name.Name]++
	return err
}

func (w *work) takeRollout(r *etcd.Record) error {
	w.bundles[r.Key.Name] = struct{}{}
	return keepPin(w.holds.rollouts, r)
}

// adoptRollout takes a bundle's rollout record over, if it is of this bundle.
func (w *work) adoptRollout(b *bundle) {
	b.rollout = nil
	var base *record.Object
	if stored, ok := w.holds.rollouts[b.name]; ok && stored.pin.UID == b.newest.bundle.UID && !ending(b.newest.bundle) {
		b.rollout = stored.pin
		base = bundleIn(b.rollout.Base)
	}
	switch {
	case base == nil && b.base != nil:
		w.dropVersion(b, b.base)
		b.base, b.baseRecord = nil, nil
	case base != nil && (b.base == nil || !bytes.Equal(b.baseRecord, b.rollout.Base) || w.outdated(b.base)):
		w.replaceVersion(b, &b.base, base)
		b.baseRecord = b.rollout.Base
	}
	setMember(w.holds.partitioned, b, slices.ContainsFunc(b.versions(), func(v *version) bool {
		s := v.bundle.Spec.RolloutStrategy
		return s != nil && len(s.Partitions) > 0
	}))
}

// settlePromoted notes the pairs whose promotion records changed.
func (w *work) settlePromoted() {
	for name := range w.promoted {
		for c := range w.claimants(name) {
			w.settle.add(c)
		}
	}
}

// hold makes a BundleDeployment show what its pair may; false if there is none.
func (w *work) hold(c claim, v *version, bd *view.BundleDeployment) bool {
	if !v.holdsOn(c.cluster) {
		return true
	}
	computed := bd.Content
	in := w.situation(c, v, computed)
	if p := in.Promotion; p != nil {
		// Most records say what the version in force says: one content for all.
		if p.Staged.Equal(computed) {
			p.Staged = computed
		}
		if p.Promoted.Equal(p.Staged) {
			p.Promoted = p.Staged
		}
	}
	h, exists := in.Outcome()
	if !exists {
		return false
	}
	bd.Content = h.Promoted
	if !h.Staged.Equal(h.Promoted) {
		bd.Staged = h.Staged
	}
	if !computed.Equal(h.Promoted) {
		bd.Computed = computed
	}
	return true
}
