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

// promotion is a promotion record as it stands.
type promotion struct {
	rollout.Promotion
	// uid is that of the BundleDeployment.
	uid      types.UID
	revision int64
	// unread reports that the record cannot be decoded. What is here was in the one before.
	unread bool
}

// situation is that of a version in force on a cluster that it targets.
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

// baseOf is the version that was fully promoted before the one that is held back.
// While a pin stands, it is what is still in force, or was until something that
// nobody planned let the newest version through.
func (s *State) baseOf(b *bundle) *version {
	if b.base == nil && b.pending() && b.fallback != nil && s.inForce(b) == b.newest {
		return b.fallback
	}
	return b.base
}

// contentOn is what a version means on a cluster, nil if nothing.
func (v *version) contentOn(c *cluster) *derive.Content {
	if p := v.pairs[c]; p != nil {
		return p.content
	}
	return nil
}

// promotionOf is the promotion record of a claim's BundleDeployment, nil if there is
// none or it is dead.
func (s *State) promotionOf(c claim) *promotion {
	p := s.holds.promotions[c.key()]
	if p == nil || p.uid != c.uid() {
		return nil
	}
	return p
}

// shown is what a claim shows at present; false if it has no BundleDeployment, or
// another claim has its name.
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
