// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// bundle plans a write of a Bundle. A new version that fails is pinned to the last one that
// worked.
func (t *trial) bundle(p Proposal) error {
	old := t.bundles[p.Name]
	if p.Object == nil || ending(p.Object.Object) {
		if _, ok := t.bundlePins[p.Name]; ok {
			t.plan.Delete = append(t.plan.Delete, record.BundlePinKey(p.Name))
		}
		if old != nil {
			t.endPairs(old, func(*cluster) bool { return true })
			t.guardValues(old.newest)
			if len(t.holds.named[p.Name.Name]) > 1 {
				// Another Bundle may get the names that this one gives up, and be promoted.
				// No plan made before may write a promotion of this Bundle there.
				t.newVersion()
			}
		}
		if p.Object == nil {
			t.dropValues(p.Name)
		}
		t.dropRollout(p.Name)
		return nil
	}
	object := p.Object.Object.(*v1alpha1.Bundle)
	if old != nil && old.newest.bundle.UID != object.UID {
		old = nil
	}
	mappings := t.peek(p.Name.Namespace).mappingsOf(object.Labels)
	if old != nil && old.newest.bundle.Generation == object.Generation {
		if slices.ContainsFunc(old.versions(), (*version).canFail) {
			// Labels affect the content that a label edit would pin.
			t.newVersion()
		}
		if len(mappings)+len(old.mappings) > 0 {
			t.guardName(p.Name.Name)
		}
		t.rescoped(old, mappings)
		t.relabelled(old, t.compile(&bundle{name: p.Name, mappings: mappings}, p.Object))
		return nil
	}
	return t.version(old, t.compile(&bundle{name: p.Name, mappings: mappings}, p.Object))
}

// version plans a new version of a bundle; old is nil if the bundle is new.
func (t *trial) version(old *bundle, v *version) error {
	t.guardTargeting()
	t.guardName(v.of.name.Name)
	t.guardValues(v)
	pinKey := record.BundlePinKey(v.of.name)
	pinned, hasPin := t.bundlePins[v.of.name]
	t.plan.Unchanged[pinKey] = pinned.revision
	kept := map[*cluster]struct{}{}
	switch {
	case v.broken != "":
	case t.gate(v) != "":
		t.newVersion() // a plan of a Policy that would let it pass must know it
	case !t.failsSomewhere(v, kept):
		if hasPin {
			t.plan.Delete = append(t.plan.Delete, pinKey)
		}
		targets := memberOf(kept)
		if old == nil {
			t.claimsOf(v, targets)
			return t.firstVersion(v, targets)
		}
		// The clusters decide which BundleDeployments end with the old version. The version
		// decides which ones end with a label edit.
		t.newVersion()
		t.guardClusters(v.of)
		t.endPairs(old, func(c *cluster) bool { return !targets(c) })
		t.holding.forced[old] = coming{v, targets}
		return nil
	}
	pin := record.BundlePin{UID: v.bundle.UID, Generation: v.bundle.Generation}
	if old == nil {
		return t.put(pinKey, pin)
	}
	if before := t.inForce(old); before != nil {
		var err error
		if pin.LastGood, err = before.record.Encode(); err != nil {
			return err
		}
	}
	return t.put(pinKey, pin)
}

// rescoped plans that a bundle gets other mappings, while its version remains. New pairs have
// nothing to keep. But a pending version may lose the clusters on which it fails.
func (t *trial) rescoped(b *bundle, mappings []index.Selector) {
	t.rescopedAs(b, &bundle{name: b.name, mappings: mappings})
}

// rescopedAs plans that a bundle gets the scope of another one.
func (t *trial) rescopedAs(b, again *bundle) {
	t.claimsIn(b, again)
	t.endPairs(b, func(c *cluster) bool { return !t.inScope(again, c.name.Namespace) })
	t.forgetUnused(b, func(c *cluster) bool { return t.inScope(again, c.name.Namespace) }, t.inForce(b))
	if !b.pending() || b.newest.broken != "" {
		return
	}
	// This is also needed where a Policy or missing values decide: a write that changes those,
	// and was planned before this one, has counted the clusters that this one takes away.
	t.guardTargeting()
	t.guardValues(b.newest)
	if t.gate(b.newest) != "" {
		return
	}
	again.newest = t.compile(again, b.newest.record)
	kept := map[*cluster]struct{}{}
	if !t.failsSomewhere(again.newest, kept) {
		t.acceptBundle(b, again.newest, memberOf(kept))
	}
}

// failsSomewhere reports whether a version fails on any cluster in scope. If not, it adds the
// clusters that the version targets to kept. It guards what it read: one cluster shows that a
// version fails, but it takes all of them to show that it does not.
func (t *trial) failsSomewhere(v *version, kept map[*cluster]struct{}) bool {
	if v.canFail() {
		// Plans of other writes do not know this version until it is committed.
		t.newVersion()
	}
	for c := range t.candidates(v) {
		if _, done := kept[c]; done {
			continue
		}
		pair, _ := t.evaluate(v, c.subject())
		if pair == nil {
			continue
		}
		if pair.content == nil {
			t.witness(c)
			return true
		}
		kept[c] = struct{}{}
	}
	if v.canFail() {
		t.guardClusters(v.of)
	}
	return false
}

// dropRollout plans that the records of a Bundle's roll-out are deleted with it.
func (t *trial) dropRollout(name record.Name) {
	if _, ok := t.holds.rollouts[name]; ok {
		t.plan.Delete = append(t.plan.Delete, record.RolloutKey(name))
	}
	if _, ok := t.guards[record.RolloutGuardKey(name)]; ok {
		t.plan.Delete = append(t.plan.Delete, record.RolloutGuardKey(name))
	}
}

// relabelled plans that the version in force gets other labels. They say whether a GitRepo
// made it, and so which restrictions apply.
func (t *trial) relabelled(b *bundle, v *version) {
	if b.pending() || equality.Semantic.DeepEqual(t.injectedInto(b.newest), t.injectedInto(v)) {
		return
	}
	t.guardTargeting()
	t.newVersion()
	t.guardClusters(v.of)
	t.holding.forced[b] = coming{v, func(c *cluster) bool { return b.newest.pairs[c] != nil && t.inScope(v.of, c.name.Namespace) }}
}
