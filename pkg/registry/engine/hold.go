// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// A pair is held if its Bundle's strategy limits (S 6), or its Bundle or Cluster is
// paused. Everywhere else what is computed is promoted, and nothing is recorded.
//
// What a held pair shows is ruled by the first of these that there is:
//
//	promotion record   of the BundleDeployment: what the controller let through
//	base               of the rollout record: the last version that was fully
//	                   promoted, while newer ones are held back; or, while a pin
//	                   stands, the version that the pin names
//	rollout record     without a base that targets the Cluster: nothing was ever
//	                   promoted. With limits there is no BundleDeployment until the
//	                   controller creates it; without it is created, empty
//	none               no version came since the pair is held: it shows what is
//	                   computed. So does one that comes to be on a paused Cluster,
//	                   which Fleet leaves empty; that would take a record for each,
//	                   and the agent does nothing either way until the pause ends
//
// Limits hold back what is staged too, a pause only what is promoted (S 5.2).

// situation is all that decides what a pair shows.
type situation struct {
	limited, paused bool
	// computed is what the version in force means on the cluster; not nil.
	computed *derive.Content
	// promotion is the record of this BundleDeployment, nil if there is none.
	promotion *promotion
	// rolling tells that a version came that may be held back; base is what was
	// promoted before it, nil if nothing.
	rolling bool
	base    *derive.Content
}

// held is what a pair shows.
type held struct {
	staged, promoted *derive.Content
	// recorded: by its promotion record. fromBase: by the base of the rollout record.
	recorded, fromBase bool
}

func (s *situation) held() bool { return s.limited || s.paused }

// holdsOn tells whether a version's pair on a cluster is held, as situation does.
func (v *version) holdsOn(c *cluster) bool {
	return v.limited || v.bundle.Spec.Paused || c.object.Spec.Paused
}

// outcome is what a pair shows; false if there is no BundleDeployment.
func (s *situation) outcome() (held, bool) {
	h := held{staged: s.computed, promoted: s.computed}
	switch {
	case !s.held():
		return h, true
	case s.promotion != nil:
		h.recorded, h.staged, h.promoted = true, s.promotion.staged, s.promotion.promoted
	case !s.rolling:
	case s.base != nil:
		h.fromBase, h.staged, h.promoted = true, s.base, s.base
	case s.limited:
		return h, false
	default:
		h.promoted = derive.Nothing
	}
	if !s.limited {
		h.staged = s.computed
	}
	if !s.paused && h.staged != h.promoted && h.staged.DeploymentID == h.promoted.DeploymentID {
		h.promoted = h.promoted.WithDiff(h.staged) // S 5.2
	}
	return h, true
}

// shows tells whether two outcomes of one held pair deploy the same now. What is
// staged matters only where limits hold it back too.
func (h held) shows(o held, limited bool) bool {
	return h.promoted.Equal(o.promoted) && (!limited || h.staged.Equal(o.staged))
}

// promotion is a promotion record as it stands.
type promotion struct {
	*record.Promotion
	// staged and promoted are never nil.
	staged, promoted *derive.Content
	revision         int64
	// unread tells that the record cannot be decoded; what is here was in the one before.
	unread bool
}

func newPromotion(r *record.Promotion, revision int64) *promotion {
	p := &promotion{Promotion: r, staged: contentOf(r.Staged), promoted: contentOf(r.Promoted), revision: revision}
	if r.Staged == r.Promoted || p.staged.Equal(p.promoted) {
		p.promoted = p.staged
	}
	return p
}

func contentOf(d *record.Deployment) *derive.Content {
	if d == nil {
		return derive.Nothing
	}
	return derive.Pinned(d.ManifestID, d.Options)
}

// Deployment is what a promotion record says of a content, nil of nothing.
func Deployment(c *derive.Content) *record.Deployment {
	if c.Empty() {
		return nil
	}
	return &record.Deployment{ManifestID: c.ManifestID(), Options: c.Options}
}

// situation is that of a version in force on a cluster that it targets.
func (s *state) situation(c claim, v *version, computed *derive.Content) *situation {
	out := &situation{
		limited:  v.limited,
		paused:   v.bundle.Spec.Paused || c.cluster.object.Spec.Paused,
		computed: computed,
	}
	if !v.holdsOn(c.cluster) {
		return out
	}
	out.promotion = s.promotionOf(c)
	base := s.baseOf(c.bundle)
	out.rolling = c.bundle.rollout != nil || base != nil || v == c.bundle.newest && c.bundle.pending()
	if base != nil {
		out.base = base.contentOn(c.cluster)
	}
	return out
}

// baseOf is the version that was fully promoted before the one that is held back.
// While a pin stands, it is what is still in force, or was until something that
// nobody planned let the newest version through.
func (s *state) baseOf(b *bundle) *version {
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
func (s *state) promotionOf(c claim) *promotion {
	p := s.holds.promotions[c.key()]
	if p == nil || p.UID != c.uid() {
		return nil
	}
	return p
}

// uid is the BundleDeployment's.
func (c claim) uid() types.UID { return types.UID(c.identity().String()) }

// identity is the UID in the form that reports are compared with.
func (c claim) identity() uuid.UUID {
	return derive.Identity(c.bundle.newest.bundle.UID, c.cluster.object.UID)
}

// shown is what a claim shows at present; false if it has no BundleDeployment, or
// another claim has its name.
func (s *state) shown(c claim) (held, *situation, bool) {
	v := s.inForce(c.bundle)
	if v == nil {
		return held{}, nil, false
	}
	computed := v.contentOn(c.cluster)
	if computed == nil {
		return held{}, nil, false
	}
	in := s.situation(c, v, computed)
	h, exists := in.outcome()
	have := s.deployment(c.key())
	return h, in, exists && have != nil && c.holds(have)
}
