// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// cluster plans a write of a Cluster. Pairs that it breaks keep their last good options.
func (t *trial) cluster(p Proposal) error {
	t.guardTargeting()
	t.guardVersions()
	old := t.clusters[p.Name]
	if p.Object == nil || ending(p.Object.Object) {
		if _, ok := t.clusterPins[p.Name]; ok {
			t.plan.Delete = append(t.plan.Delete, record.ClusterPinsKey(p.Name))
		}
		if old != nil {
			t.moved[old] = struct{}{}
			for b := range old.pairs {
				for _, v := range b.versions() {
					t.tally(v, old, nil, "")
				}
				t.ended[claim{b, old}] = struct{}{}
				t.targeted[claim{b, old}] = false
				t.bump(b)
			}
		}
		t.accept()
		return nil
	}
	object := p.Object.Object.(*v1alpha1.Cluster)
	next := targetingOf(p.Name, object, t.groupsOf(p.Name.Namespace, object.Labels))
	if err := t.move(p.Name, old, object, next); err != nil {
		return err
	}
	t.accept()
	return nil
}

// move plans what happens to a cluster's pairs when its appearance changes.
func (t *trial) move(name record.Name, old *cluster, object *v1alpha1.Cluster, next *appearance) error {
	var before *appearance
	affected := map[*bundle]struct{}{}
	namespace, barred := t.placementAs(name, object)
	after := subject{targeting: next.targeting, object: object, barred: barred}
	if old != nil && old.object.UID == object.UID {
		t.moved[old] = struct{}{}
		before, after.pins = old.appearance(), old.pins
		for b := range t.rereading(old, old.object, object) {
			affected[b] = struct{}{}
		}
		if old.barred != barred {
			maps.Copy(affected, old.pairs)
			before = nil
		}
	} else {
		old = nil
	}
	for v := range t.flipped(before, next) {
		affected[v.of] = struct{}{}
	}
	pins := old.pinsInUse()
	for b := range affected {
		force, targeted, shows := t.inForce(b), false, false
		for _, v := range b.versions() {
			pair, failure := t.evaluate(v, after)
			if v == b.base {
				// What the base loses gets promotion records, so only additions matter here.
				if pair != nil && pair.content != nil && v.contentOn(old) == nil {
					t.bump(b)
				}
				continue
			}
			targeted = targeted || (v == force && pair != nil)
			shows = shows || (v == force && pair != nil && pair.content != nil)
			t.tally(v, old, pair, failure)
			if old != nil && v == b.newest {
				t.targeted[claim{b, old}] = pair != nil
			}
			delete(pins, v.pinKey())
			if failure == "" {
				continue
			}
			if good := v.contentOn(old); good != nil && (v == force || pair.content != nil) {
				pins[v.pinKey()] = good
			}
		}
		if shows && t.shares(b.name) {
			t.claims(b.newest.bundle, object, namespace)
		}
		was := old != nil && force != nil && force.pairs[old] != nil
		if was && !targeted {
			t.ended[claim{b, old}] = struct{}{}
		}
		// A pair that failed and showed nothing counts as new once it works.
		if was != targeted || shows && force.contentOn(old) == nil {
			t.bump(b)
		}
	}
	t.arrives(old, object, namespace)
	if object.Spec.Paused || old != nil && old.object.Spec.Paused {
		t.bumpBases(affected, old)
	}
	if old != nil {
		after.pins = pins // a base that fails has no content but its pin
		t.holding.subjects[old] = after
		t.noteHeld(old, object, affected)
	}
	return t.pin(name, pins)
}

// pinsInUse returns the pins of a cluster for versions that exist and still fail there.
func (c *cluster) pinsInUse() map[pinKey]*derive.Content {
	pins := map[pinKey]*derive.Content{}
	if c == nil || len(c.pins) == 0 {
		return pins // few clusters have pins, and the others must not pay for a scan
	}
	for b := range c.pairs {
		for _, v := range b.versions() {
			if content, ok := c.pins[v.pinKey()]; ok && v.failures[c] != "" {
				pins[v.pinKey()] = content
			}
		}
	}
	return pins
}

// noteHeld notes the bundles whose pairs on a moved cluster may show something else.
// Partitions select by labels and groups, but no index knows them.
func (t *trial) noteHeld(old *cluster, object *v1alpha1.Cluster, affected map[*bundle]struct{}) {
	if old.object.Spec.Paused || object.Spec.Paused {
		affected = maps.Clone(affected)
		maps.Copy(affected, old.pairs)
	}
	t.holding.affected[old] = affected
	for b := range t.holds.partitioned {
		if _, ok := old.pairs[b]; ok {
			t.bump(b)
		}
	}
}

// pin writes a cluster's pins, if they change.
func (t *trial) pin(name record.Name, pins map[pinKey]*derive.Content) error {
	stored, has := t.clusterPins[name]
	var have map[pinKey]*derive.Content
	if c := t.clusters[name]; c != nil {
		have = c.pins
	}
	if maps.EqualFunc(pins, have, (*derive.Content).Equal) {
		return nil
	}
	key := record.ClusterPinsKey(name)
	t.plan.Unchanged[key] = stored.revision
	if len(pins) == 0 {
		if has {
			t.plan.Delete = append(t.plan.Delete, key)
		}
		return nil
	}
	data, err := encodePins(pins)
	if err != nil {
		return err
	}
	t.plan.Put[key] = data
	if c := t.clusters[name]; c != nil && t.holding.subjects[c].object != nil {
		t.early.pins[key] = pinsBefore(c, pins)
	}
	return nil
}

// pinsBefore returns the pins that a cluster may have before the write that needs some.
func pinsBefore(c *cluster, needed map[pinKey]*derive.Content) earlyPins {
	out := earlyPins{maps.Clone(needed), true}
	for k, content := range needed {
		have, ok := c.pins[k]
		out.spare = out.spare && ok && have.Equal(content)
	}
	for k, content := range c.pins {
		if _, ok := needed[k]; !ok {
			out.all[k] = content
		}
	}
	return out
}

// encodePins returns the record of a cluster's pins.
func encodePins(pins map[pinKey]*derive.Content) ([]byte, error) {
	var out record.ClusterPins
	for k, content := range pins {
		manifestID, _, _ := strings.Cut(content.DeploymentID, ":")
		out.Pins = append(out.Pins, record.ClusterPin{BundleUID: k.bundle, Generation: k.generation, ManifestID: manifestID, Options: content.Options})
	}
	slices.SortFunc(out.Pins, record.ClusterPin.Compare)
	data, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode pins: %w", err)
	}
	return record.Pack(data), nil
}
