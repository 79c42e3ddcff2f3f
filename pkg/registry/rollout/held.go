// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// A pair is held if its Bundle's strategy limits (S 6), or its Bundle or Cluster is paused.
// For all other pairs, what is computed is promoted, and nothing is recorded.
//
// The first of these that exists decides what a held pair shows:
//
//	promotion record   of the BundleDeployment: what the controller let through
//	base               of the rollout record: the last version that was fully
//	                   promoted, while newer ones are held back; or, while a pin
//	                   stands, the version that the pin names
//	rollout record     without a base that targets the Cluster: nothing was ever
//	                   promoted. With limits, no BundleDeployment exists until the
//	                   controller creates it; without limits, it is created empty
//	none               no version came since the pair is held, or the pair is new on a
//	                   paused Cluster: it shows what is computed. Fleet leaves a new
//	                   one empty, which would take a record for each pair here. The
//	                   agent does nothing until the pause ends
//
// Limits also hold back what is staged; a pause holds back only what is promoted (S 5.2).

// Situation holds everything that decides what a pair shows. Its methods write nothing.
type Situation struct {
	Limited, Paused bool
	// Computed is what the version in force means on the Cluster; never nil.
	Computed *derive.Content
	// Promotion is the record of this BundleDeployment, nil if it has none.
	Promotion *Promotion
	// Rolling says that a version came that may be held back. Base is what was promoted
	// before it, nil if nothing was.
	Rolling bool
	Base    *derive.Content
}

// Held reports whether the pair is held.
func (s *Situation) Held() bool { return s.Limited || s.Paused }

// Outcome holds what a pair shows.
type Outcome struct {
	Staged, Promoted *derive.Content
	// Recorded says that the promotion record decides, FromBase that the base of the
	// rollout record does.
	Recorded, FromBase bool
}

// Outcome returns what the pair shows, and false if the pair has no BundleDeployment.
func (s *Situation) Outcome() (Outcome, bool) {
	out := Outcome{Staged: s.Computed, Promoted: s.Computed}
	switch {
	case !s.Held():
		return out, true
	case s.Promotion != nil:
		out.Recorded, out.Staged, out.Promoted = true, s.Promotion.Staged, s.Promotion.Promoted
	case !s.Rolling:
	case s.Base != nil:
		out.FromBase, out.Staged, out.Promoted = true, s.Base, s.Base
	case s.Limited:
		return out, false
	default:
		out.Promoted = derive.Nothing
	}
	if !s.Limited {
		out.Staged = s.Computed
	}
	if !s.Paused && out.Staged != out.Promoted && out.Staged.DeploymentID == out.Promoted.DeploymentID {
		out.Promoted = out.Promoted.WithDiff(out.Staged) // S 5.2
	}
	return out, true
}

// DeploysAs reports whether two outcomes of one held pair deploy the same now. What is
// staged matters only if limits hold it back too.
func (o Outcome) DeploysAs(other Outcome, limited bool) bool {
	return o.Promoted.Equal(other.Promoted) && (!limited || o.Staged.Equal(other.Staged))
}

// Promotion holds the contents of a promotion record. They are never nil.
type Promotion struct {
	Staged, Promoted *derive.Content
}

// NewPromotion returns the contents of a promotion record. Two equal contents become one.
func NewPromotion(r *record.Promotion) Promotion {
	p := Promotion{Staged: contentOf(r.Staged), Promoted: contentOf(r.Promoted)}
	if r.Staged == r.Promoted || p.Staged.Equal(p.Promoted) {
		p.Promoted = p.Staged
	}
	return p
}

func contentOf(d *record.Deployment) *derive.Content {
	if d == nil {
		return derive.Nothing
	}
	return derive.Pinned(d.ManifestID, d.Options)
}

// Deployment returns the form of a content in a promotion record, nil for an empty content.
func Deployment(c *derive.Content) *record.Deployment {
	if c.Empty() {
		return nil
	}
	return &record.Deployment{ManifestID: c.ManifestID(), Options: c.Options}
}
