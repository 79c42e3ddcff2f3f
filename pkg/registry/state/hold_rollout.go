// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// Rollouts returns the names of the Bundles on which a roll-out controller may have to act,
// in order: those of which something is held back, or was. It costs O(Bundles), and the
// Bundles of paused Clusters.
func (s *State) Rollouts() []record.Name {
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

// Rollout returns one Bundle's roll-out. It reports false if the Bundle does not exist or has
// no version in force. It costs O(targets).
func (s *State) Rollout(name record.Name) (rollout.Input, bool) {
	b := s.bundles[name]
	if b == nil {
		return rollout.Input{}, false
	}
	v := s.inForce(b)
	if v == nil {
		return rollout.Input{}, false
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
	for _, c := range slices.SortedFunc(maps.Keys(v.pairs), (*cluster).compare) {
		if target, ok := s.target(claim{b, c}, v); ok {
			out.Targets = append(out.Targets, target)
		} else {
			maps.Copy(out.Contested, s.holder(claim{b, c}))
		}
	}
	return out, true
}

// RolloutGuard returns the revision of the guard of a Bundle's roll-out, 0 if there is none.
func (s *State) RolloutGuard(name record.Name) int64 { return s.guards[record.RolloutGuardKey(name)] }

// rolloutGuards returns the records that must be unchanged when a promotion is committed. The
// pin and the versions guard decide which version is in force.
func (s *State) rolloutGuards(b *bundle) map[record.Key]int64 {
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

// target returns a pair as a roll-out sees it. It reports false if the BundleDeployment
// belongs to another pair.
func (s *State) target(c claim, v *version) (rollout.Target, bool) {
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
	out.RecordRevision = s.revisionOfPromotion(out.Key)
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
		digest := have.Report.Digest()
		out.Applied, out.Ready = digest.Applied, digest.Ready
	}
	return out, true
}
