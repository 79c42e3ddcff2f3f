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

// holds holds the facts of roll-outs.
type holds struct {
	// promotions are by BundleDeployment. Some may be unused.
	promotions map[record.Name]*promotion
	// promoted counts promotions by the BundleDeployment's name without the namespace. That
	// is the Bundle's name.
	promoted map[string]int
	// rollouts are by Bundle. Some may be unused.
	rollouts map[record.Name]storedPin[record.Rollout]
	// paused are the paused clusters.
	paused map[*cluster]struct{}
	// partitioned are the bundles with a version that has partitions of its own.
	partitioned map[*bundle]struct{}
	// named and placed find the pairs that may claim a BundleDeployment: bundles by name, and
	// clusters by their namespace for BundleDeployments.
	named  map[string][]*bundle
	placed map[string][]*cluster
	// crowded counts the namespaces that several clusters share.
	crowded int
}

func newHolds() holds {
	return holds{
		promotions:  map[record.Name]*promotion{},
		promoted:    map[string]int{},
		rollouts:    map[record.Name]storedPin[record.Rollout]{},
		paused:      map[*cluster]struct{}{},
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
	next := &promotion{revision: r.Revision} // without its revision the record could not be replaced
	decoded, err := record.DecodePromotion(r.Value)
	switch {
	case err == nil:
		next.Promotion, next.uid = rollout.NewPromotion(decoded), decoded.UID
	case last != nil:
		// The last promotion remains. Without it a BundleDeployment under a limit would
		// disappear, and an agent would uninstall.
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

// adoptRollout adopts a bundle's rollout record, if it is for this bundle.
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

// hold makes a BundleDeployment show what its pair may show. It reports false if the pair has
// no BundleDeployment.
func (w *work) hold(c claim, v *version, bd *view.BundleDeployment) bool {
	if !v.holdsOn(c.cluster) {
		return true
	}
	computed := bd.Content
	in := w.situation(c, v, computed)
	if p := in.Promotion; p != nil {
		// Most records agree with the version in force. Sharing its content saves memory.
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
