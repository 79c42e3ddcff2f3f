// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"maps"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// holding is the part of a trial that concerns held pairs. A write that would change what such
// a pair shows records what was shown: one rollout record for all pairs of a Bundle where a
// version comes into force, and promotion records of single pairs elsewhere.
type holding struct {
	// forced are the versions that come into force with the write.
	forced map[*bundle]coming
	// rolling holds the new base of each rollout record that changes, nil if it gets none.
	rolling map[*bundle]*version
	// subjects are the moved clusters as they will be. affected are the bundles whose pairs
	// on them may change.
	subjects map[*cluster]subject
	affected map[*cluster]map[*bundle]struct{}
	// promotions are the records to write: what pairs show before the write.
	promotions map[claim]promoting
	// stale are promotion records that did not rule, and must not rule after the write.
	stale map[record.Key]struct{}
}

// coming is a version that comes into force, and the clusters that it targets.
type coming struct {
	version *version
	targets func(*cluster) bool
}

// promoting is a promotion record that is to be written.
type promoting struct {
	rollout.Outcome
	// neutral reports that the pair is held already. The record then changes nothing, and may
	// be written before the write.
	neutral bool
}

func newHolding() holding {
	return holding{
		forced:     map[*bundle]coming{},
		rolling:    map[*bundle]*version{},
		subjects:   map[*cluster]subject{},
		affected:   map[*cluster]map[*bundle]struct{}{},
		promotions: map[claim]promoting{},
		stale:      map[record.Key]struct{}{},
	}
}

// hold plans the records that keep held pairs unchanged.
func (t *trial) hold() error {
	for b, coming := range t.holding.forced {
		if err := t.comesIntoForce(b, coming); err != nil {
			return err
		}
	}
	for c, after := range t.holding.subjects {
		affected := t.holding.affected[c]
		for b := range affected {
			t.keep(claim{b, c}, after)
		}
		for b := range t.holding.forced {
			if _, done := affected[b]; !done {
				t.keep(claim{b, c}, after)
			}
		}
	}
	return t.writePromotions()
}

// holdable reports whether a version could be held on some cluster that it targets.
func (t *trial) holdable(n coming) bool {
	if n.version.limited || n.version.bundle.Spec.Paused {
		return true
	}
	for c := range t.holds.paused {
		if n.targets(c) {
			return true
		}
	}
	for c, after := range t.holding.subjects {
		if after.object.Spec.Paused && n.targets(c) {
			return true
		}
	}
	return false
}

// firstVersion plans the first version of a Bundle. Nothing is promoted yet.
func (t *trial) firstVersion(v *version, targets func(*cluster) bool) error {
	if !t.holdable(coming{v, targets}) {
		return nil
	}
	t.newVersion() // a plan that pauses a Cluster must know what is promoted there
	return t.putRollout(v, nil)
}

func (t *trial) putRollout(v, base *version) error {
	key := record.RolloutKey(v.of.name)
	t.plan.Unchanged[key] = t.holds.rollouts[v.of.name].revision
	out := record.Rollout{UID: v.bundle.UID}
	if base != nil {
		var err error
		if out.Base, err = base.record.Encode(); err != nil {
			return err
		}
	}
	return t.put(key, out)
}

// comesIntoForce plans that a version of a bundle comes into force. Held pairs continue to show
// what they show. The current rollout record may be enough for that; otherwise the version that
// was in force becomes the base. Pairs for which neither is enough get promotion records.
func (t *trial) comesIntoForce(b *bundle, n coming) error {
	if !t.holdable(n) {
		return nil
	}
	t.plan.Unchanged[record.RolloutKey(b.name)] = t.holds.rollouts[b.name].revision
	before := t.inForce(b)
	t.forgetUnused(b, n.targets, before)
	if before == nil {
		if b.rollout != nil {
			return nil
		}
		return t.putRollout(n.version, nil)
	}
	base := before
	if before == b.newest && b.pending() && (before.limited || before.bundle.Spec.Paused) {
		base = b.fallback
	}
	old, fresh := t.lost(b, n, before, b.base), t.lost(b, n, before, base)
	if b.rollout != nil && (len(old) == 0 || len(old) < len(fresh) && allNeutral(old)) {
		t.holding.rolling[b] = b.base
		maps.Copy(t.holding.promotions, old)
		return nil
	}
	t.holding.rolling[b] = base
	maps.Copy(t.holding.promotions, fresh)
	return t.putRollout(n.version, base)
}

// forgetUnused notes the promotion records, from an earlier time, of clusters that the bundle
// may start to target.
func (t *trial) forgetUnused(b *bundle, targets func(*cluster) bool, before *version) {
	if t.holds.promoted[b.name.Name] == 0 {
		return
	}
	for _, cluster := range t.clusters {
		if before != nil && before.pairs[cluster] != nil || !targets(cluster) {
			continue
		}
		if c := (claim{b, cluster}); t.promotionOf(c) != nil {
			t.holding.stale[record.PromotionKey(c.key())] = struct{}{}
		}
	}
}

// lost returns the pairs that would show something else if a version came into force over a
// base.
func (t *trial) lost(b *bundle, n coming, before, base *version) map[claim]promoting {
	out := map[claim]promoting{}
	spec := &n.version.bundle.Spec
	for cluster := range before.pairs {
		_, moved := t.moved[cluster]
		paused := spec.Paused || cluster.object.Spec.Paused
		if moved || !n.targets(cluster) || !n.version.limited && !paused {
			continue
		}
		c := claim{b, cluster}
		was, in, existed := t.shown(c)
		ruling := t.ruling(c, in)
		if !existed {
			t.guardHolder(c)
			continue
		}
		// Computed affects only what is staged, and only where DeploysAs ignores that. So any
		// content serves here.
		next := rollout.Situation{Limited: n.version.limited, Paused: paused, Computed: was.Staged, Promotion: ruling, Rolling: true}
		if base != nil {
			next.Base = base.contentOn(cluster)
		}
		if h, exists := next.Outcome(); !exists || !h.DeploysAs(was, next.Limited) {
			out[c] = promoting{was, in.Held()}
		}
	}
	return out
}

// guardHolder makes the plan hold only while another claim keeps this claim's name. If the
// other claim gave it up, this one would show something, and that would have to be kept.
func (t *trial) guardHolder(c claim) { maps.Copy(t.plan.Unchanged, t.holder(c)) }

// holder returns the records from which it follows that another claim has this claim's name;
// nil if none has it.
func (s *State) holder(c claim) map[record.Key]int64 {
	have := s.deployment(c.key())
	if have == nil || c.holds(have) {
		return nil
	}
	b := record.Name{Namespace: have.Bundle.Bundle.Namespace, Name: have.Bundle.Bundle.Name}
	cluster := record.Name{Namespace: have.Cluster.Cluster.Namespace, Name: have.Cluster.Cluster.Name}
	return map[record.Key]int64{
		record.ObjectKey(record.Bundles, b):        s.object(record.Bundles, b).RecordRevision,
		record.BundlePinKey(b):                     s.bundlePins[b].revision,
		record.ObjectKey(record.Clusters, cluster): s.object(record.Clusters, cluster).RecordRevision,
	}
}

// ruling returns the promotion record that rules a claim now, nil if none does. A record that
// exists but does not rule must not rule after the write, because it is older than what is
// shown.
func (t *trial) ruling(c claim, in *rollout.Situation) *rollout.Promotion {
	p := t.promotionOf(c)
	switch {
	case p == nil:
		return nil
	case in == nil || !in.Held():
		t.holding.stale[record.PromotionKey(c.key())] = struct{}{}
		return nil
	}
	return &p.Promotion
}

func allNeutral(all map[claim]promoting) bool {
	for _, p := range all {
		if !p.neutral {
			return false
		}
	}
	return true
}

// keep plans that a pair on a moved cluster shows the same before and after the write, if it
// is held after it.
func (t *trial) keep(c claim, after subject) {
	if c.key().Namespace == "" {
		return
	}
	v := t.inForce(c.bundle)
	if n, ok := t.holding.forced[c.bundle]; ok {
		v = n.version
	}
	if v == nil {
		return
	}
	next := rollout.Situation{Limited: v.limited, Paused: v.bundle.Spec.Paused || after.object.Spec.Paused}
	if !next.Held() && t.promotionOf(c) == nil {
		return
	}
	p, failure := t.evaluate(v, after)
	if p == nil {
		return // the pair ends, and its records with it
	}
	if failure != "" && p.content == nil {
		p.content = v.contentOn(c.cluster)
	}
	if p.content == nil {
		return
	}
	was, in, existed := t.shown(c)
	if !next.Held() {
		t.holding.stale[record.PromotionKey(c.key())] = struct{}{}
		return
	}
	if !existed {
		t.guardHolder(c)
	}
	next.Computed, next.Promotion = p.content, t.ruling(c, in)
	base, rolling := t.baseAfter(c.bundle)
	next.Rolling = rolling
	if base != nil {
		if on, _ := t.evaluate(base, after); on != nil {
			next.Base = on.content
		}
	}
	if h, exists := next.Outcome(); existed && (!exists || !h.DeploysAs(was, next.Limited)) {
		t.holding.promotions[c] = promoting{was, in.Held()}
	}
}

// baseAfter returns the base after the write, and whether a rollout record will exist.
func (t *trial) baseAfter(b *bundle) (base *version, recorded bool) {
	if base, ok := t.holding.rolling[b]; ok {
		return base, true
	}
	base = t.baseOf(b)
	return base, b.rollout != nil || base != nil
}

// keepAll plans that no held pair of a bundle changes, whatever happens to the injected options.
func (t *trial) keepAll(b *bundle) {
	v := t.inForce(b)
	if v == nil {
		return
	}
	for cluster := range v.pairs {
		c := claim{b, cluster}
		was, in, existed := t.shown(c)
		if !existed || !in.Held() || c.key().Namespace == "" {
			continue
		}
		if p := in.Promotion; p == nil || !was.Promoted.Equal(p.Promoted) || in.Limited && !was.Staged.Equal(p.Staged) {
			t.holding.promotions[c] = promoting{was, true}
		}
	}
	t.guardClusters(b) // clusters may be paused meanwhile
}

// bump invalidates what was decided about a roll-out before the write: promotions that count
// against a limit, and the end of a base that more pairs now follow.
func (t *trial) bump(b *bundle) {
	if v := t.inForce(b); v != nil && (v.limited || v.bundle.Spec.Paused) {
		t.bumpAlways(b)
	}
}

func (t *trial) bumpAlways(b *bundle) { t.plan.Put[record.RolloutGuardKey(b.name)] = []byte("{}") }

// bumpBases bumps for an edit of a cluster that is paused before or after it. What the
// cluster shows may then follow from a base, even for a bundle that nothing else holds back.
func (t *trial) bumpBases(affected map[*bundle]struct{}, old *cluster) {
	all := maps.Clone(affected)
	if old != nil {
		maps.Copy(all, old.pairs)
	}
	for b := range all {
		if b.base != nil {
			t.bumpAlways(b)
		}
	}
}

// encodePromotion returns the promotion record of what a claim shows.
func encodePromotion(c claim, h rollout.Outcome) ([]byte, error) {
	out := record.Promotion{UID: c.uid(), Staged: rollout.Deployment(h.Staged), Promoted: rollout.Deployment(h.Promoted)}
	data, err := out.Encode()
	if err != nil {
		return nil, fmt.Errorf("promotion of %s: %w", c.key(), err)
	}
	return data, nil
}
