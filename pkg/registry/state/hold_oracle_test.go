// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// S 5.2 and the rules of hold.go, computed once more from the records alone.

// shownContents are the promoted and staged contents of a BundleDeployment.
type shownContents struct{ promoted, staged *derive.Content }

// naivePromotion is a promotion record, decoded once for each value.
type naivePromotion struct {
	uid types.UID
	shownContents
}

func (f *facts) promotion(key record.Name) *naivePromotion {
	value := f.records[record.PromotionKey(key)].value
	if value == "" {
		return nil
	}
	return remember(f.promotions, value, func() *naivePromotion {
		var p struct {
			UID                    types.UID
			Both, Staged, Promoted *record.Deployment
		}
		require.NoError(f.t, json.Unmarshal(textOf(value), &p))
		content := func(of ...*record.Deployment) *derive.Content {
			for _, d := range of {
				if d != nil {
					return derive.Pinned(d.ManifestID, d.Options)
				}
			}
			return &derive.Content{}
		}
		return &naivePromotion{p.UID, shownContents{promoted: content(p.Both, p.Promoted), staged: content(p.Both, p.Staged)}}
	})
}

// isHeld reports what holds a pair of the version in force, if anything.
func (b *bundleAnswer) isHeld(p naivePair) (limited, paused bool) {
	spec := &b.inForce.bundle.Spec
	return rollout.Limited(spec.RolloutStrategy), spec.Paused || p.cluster.joined.Spec.Paused
}

// showing returns what a pair of the version in force shows. It reports false if the pair has
// no BundleDeployment.
func (f *facts) showing(name record.Name, b *bundleAnswer, p naivePair, key record.Name) (shownContents, bool) {
	now := shownContents{p.content, p.content}
	limited, paused := b.isHeld(p)
	if !limited && !paused {
		return now, true
	}
	now, ok := f.withheld(name, b, p, key, limited)
	if !limited {
		now.staged = p.content
	}
	if !paused && now.promoted.DeploymentID == now.staged.DeploymentID && !equality.Semantic.DeepEqual(now.promoted.Options.Diff, now.staged.Options.Diff) {
		now.promoted = &derive.Content{DeploymentID: now.promoted.DeploymentID, Options: now.promoted.Options}
		now.promoted.Options.Diff = now.staged.Options.Diff
	}
	return now, ok
}

func (f *facts) withheld(name record.Name, b *bundleAnswer, p naivePair, key record.Name, limited bool) (shownContents, bool) {
	if r := f.promotion(key); r != nil && r.uid == derive.IdentityUID(b.newest.bundle.UID, p.cluster.joined.UID) {
		return r.shownContents, true
	}
	var base *naiveVersion
	came := false
	if value := f.records[record.RolloutKey(name)].value; value != "" {
		var r record.Rollout
		require.NoError(f.t, json.Unmarshal(textOf(value), &r))
		if came = r.UID == b.newest.bundle.UID && b.newest.bundle.DeletionTimestamp == nil; came && r.Base != nil {
			base = f.version(string(r.Base))
		}
	}
	if b.pending && b.inForce == b.newest {
		came = true
		if base == nil {
			base = b.lastGood
		}
	}
	if !came {
		return shownContents{p.content, p.content}, true
	}
	if base != nil {
		if on, ok := f.pair(base, b.newest.bundle, p.cluster); ok && on.content != nil {
			return shownContents{on.content, on.content}, true
		}
	}
	return shownContents{&derive.Content{}, p.content}, !limited
}
