// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// holdsOn reports whether a version's pair on a cluster is held (rollout.Situation).
func (v *version) holdsOn(c *cluster) bool {
	return v.limited || v.bundle.Spec.Paused || c.object.Spec.Paused
}

// promotion is a promotion record.
type promotion struct {
	rollout.Promotion
	// uid is the UID of the BundleDeployment.
	uid      types.UID
	revision int64
	// unread reports that the record cannot be decoded. The other values are then those of
	// the record before it.
	unread bool
}

// situation returns the situation of a version in force on a cluster that it targets.
func (s *State) situation(c claim, v *version, computed *derive.Content) *rollout.Situation {
	out := &rollout.Situation{
		Limited:  v.limited,
		Paused:   v.bundle.Spec.Paused || c.cluster.object.Spec.Paused,
		Computed: computed,
	}
	if !v.holdsOn(c.cluster) {
		return out
	}
	if p := s.promotionOf(c); p != nil {
		out.Promotion = &p.Promotion
	}
	base := s.baseOf(c.bundle)
	out.Rolling = c.bundle.rollout != nil || base != nil || v == c.bundle.newest && c.bundle.pending()
	if base != nil {
		out.Base = base.contentOn(c.cluster)
	}
	return out
}

// baseOf returns the version that was fully promoted before the one that is held back, nil if
// none was. While a pin stands, its version may be in force already, because it was made to
// work by a change that no plan foresaw. The base is then the fallback.
func (s *State) baseOf(b *bundle) *version {
	if b.base == nil && b.pending() && b.fallback != nil && s.inForce(b) == b.newest {
		return b.fallback
	}
	return b.base
}

// contentOn returns what a version means on a cluster, nil if it has no content there.
func (v *version) contentOn(c *cluster) *derive.Content {
	if p := v.pairs[c]; p != nil {
		return p.content
	}
	return nil
}

// promotionOf returns the promotion record of a claim's BundleDeployment, nil if it has none
// that is in use.
func (s *State) promotionOf(c claim) *promotion {
	if p := s.holds.promotions[c.key()]; p != nil && p.uid == c.uid() {
		return p
	}
	return nil
}

// shown returns what a claim shows. It reports false if the claim has no BundleDeployment, or
// if another claim has its name.
func (s *State) shown(c claim) (rollout.Outcome, *rollout.Situation, bool) {
	v := s.inForce(c.bundle)
	if v == nil {
		return rollout.Outcome{}, nil, false
	}
	computed := v.contentOn(c.cluster)
	if computed == nil {
		return rollout.Outcome{}, nil, false
	}
	in := s.situation(c, v, computed)
	h, exists := in.Outcome()
	have := s.deployment(c.key())
	return h, in, exists && have != nil && c.holds(have)
}
