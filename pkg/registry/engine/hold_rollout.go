// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// Rollouts names the Bundles that a roll-out controller may have to do something
// for, in order: that something is held back of, or was. It costs O(Bundles), and
// the Bundles of Clusters that are paused.
func (e *Engine) Rollouts() []record.Name {
	e.state.RLock()
	defer e.state.RUnlock()
	if e.state.state == nil {
		return nil
	}
	s := e.state.state
	found := map[record.Name]struct{}{}
	for name, b := range s.bundles {
		v := s.inForce(b)
		_, hasRecord := s.holds.rollouts[name]
		if v != nil && (v.limited || v.bundle.Spec.Paused) || hasRecord || s.holds.promoted[name.Name] > 0 {
			found[name] = struct{}{}
		}
	}
	for c := range s.holds.paused {
		for b := range c.pairs {
			found[b.name] = struct{}{}
		}
	}
	return slices.SortedFunc(maps.Keys(found), record.Name.Compare)
}

// Rollout is one Bundle's roll-out at the present revision; false if the Bundle is
// gone, or no version of it is in force. It costs O(targets).
func (e *Engine) Rollout(name record.Name) (rollout.Input, bool, error) {
	e.state.RLock()
	defer e.state.RUnlock()
	if e.state.state == nil {
		return rollout.Input{}, false, ErrNotReady
	}
	s := e.state.state
	b := s.bundles[name]
	if b == nil {
		return rollout.Input{}, false, nil
	}
	v := s.inForce(b)
	if v == nil {
		return rollout.Input{}, false, nil
	}
	stored := s.holds.rollouts[name]
	out := rollout.Input{
		Revision:       s.revision,
		Bundle:         name,
		UID:            b.newest.bundle.UID,
		Strategy:       v.bundle.Spec.RolloutStrategy,
		Limited:        v.limited,
		Paused:         v.bundle.Spec.Paused,
		Recorded:       b.rollout != nil,
		HasBase:        b.base != nil,
		RecordRevision: stored.revision,
		Guards:         s.rolloutGuards(b),
		Contested:      map[record.Key]int64{},
	}
	clusters := slices.SortedFunc(maps.Keys(v.pairs), (*cluster).compare)
	for _, c := range clusters {
		if target, ok := s.target(claim{b, c}, v); ok {
			out.Targets = append(out.Targets, target)
		} else {
			maps.Copy(out.Contested, s.holder(claim{b, c}))
		}
	}
	return out, true, nil
}

// RolloutGuard is the revision of the guard of a Bundle's roll-out, 0 if there is none.
func (e *Engine) RolloutGuard(name record.Name) int64 {
	e.state.RLock()
	defer e.state.RUnlock()
	if e.state.state == nil {
		return 0
	}
	return e.state.guards[record.RolloutGuardKey(name)]
}

// compare orders clusters by name, then by namespace (S 2.5).
func (c *cluster) compare(o *cluster) int {
	return cmp.Or(cmp.Compare(c.name.Name, o.name.Name), cmp.Compare(c.name.Namespace, o.name.Namespace))
}

// rolloutGuards are what must be as it is when a promotion is committed. The pin
// decides, with the versions guard, which version is in force.
func (s *state) rolloutGuards(b *bundle) map[record.Key]int64 {
	out := map[record.Key]int64{
		record.ObjectKey(record.Bundles, b.name): s.object(record.Bundles, b.name).RecordRevision,
		record.RolloutKey(b.name):                s.holds.rollouts[b.name].revision,
		record.BundlePinKey(b.name):              s.bundlePins[b.name].revision,
	}
	for _, guard := range []record.Key{record.TargetingGuardKey(), record.VersionsGuardKey(), record.RolloutGuardKey(b.name)} {
		out[guard] = s.guards[guard]
	}
	return out
}

// target is a pair as a roll-out sees it; false if the BundleDeployment belongs to
// another Bundle.
func (s *state) target(c claim, v *version) (rollout.Target, bool) {
	out := rollout.Target{
		Cluster:  c.cluster.targeting,
		UID:      c.uid(),
		Computed: v.contentOn(c.cluster),
		Paused:   v.bundle.Spec.Paused || c.cluster.object.Spec.Paused,
	}
	if c.cluster.face.Namespace == "" {
		return out, true
	}
	out.Key = c.key()
	if p := s.holds.promotions[out.Key]; p != nil {
		out.RecordRevision = p.revision
	}
	have := s.deployment(out.Key)
	if have != nil && !c.holds(have) {
		return out, false
	}
	out.Held = v.limited || out.Paused
	out.Recorded = s.promotionOf(c) != nil
	if out.Computed == nil {
		return out, true
	}
	h, _, exists := s.shown(c)
	out.FromBase = h.FromBase
	if exists {
		out.Exists, out.Staged, out.Promoted = true, h.Staged, h.Promoted
	}
	if have != nil && have.Report != nil {
		gist := have.Report.Gist()
		out.Applied, out.Ready = gist.Applied, gist.Ready
	}
	return out, true
}

// ContentsInUse are the IDs of all manifests that a record refers to, and the
// revision of the state that says so. One that is not among them can be referred to
// again only by a write of a Bundle that brings it along; so a content may be
// removed in a transaction that holds while no Bundle's object record was written
// after the revision (etcd.Txn.UnchangedSince of Bundles in all namespaces): a write
// that is committed later finds it missing, and puts it back.
//
// Agents may still fetch what was in use a moment ago.
func (e *Engine) ContentsInUse() (ids map[string]struct{}, revision int64, err error) {
	e.state.RLock()
	defer e.state.RUnlock()
	if e.state.state == nil {
		return nil, 0, ErrNotReady
	}
	s := e.state.state
	ids = map[string]struct{}{}
	for _, b := range s.bundles {
		for _, v := range b.versions() {
			ids[v.record.Content] = struct{}{}
		}
	}
	for _, p := range s.holds.promotions {
		ids[p.Staged.ManifestID()] = struct{}{}
		ids[p.Promoted.ManifestID()] = struct{}{}
	}
	for _, stored := range s.clusterPins {
		for i := range stored.pin.Pins {
			ids[stored.pin.Pins[i].ManifestID] = struct{}{}
		}
	}
	delete(ids, "")
	return ids, s.revision, nil
}
