// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Proposal is a write of an object that has not been committed.
type Proposal struct {
	Resource string
	Name     record.Name
	// Object is nil if the object is to be deleted.
	Object *record.Object
}

// Plan is what a write has to record beside its object, because it could not be
// derived afterwards (see the page in pkg/registry), and the guards that make it
// valid at the commit.
type Plan struct {
	Unchanged      map[record.Key]int64
	UnchangedSince []etcd.RangeGuard
	Put            map[record.Key][]byte
	Delete         []record.Key
}

// maxPinned bounds how many Clusters' pins, and how many dead reports, one write
// may carry: etcd takes 128 operations in a transaction by default.
const maxPinned = 100

// Plan says what a write has to record with it. It costs what the write affects
// among the Bundles that can fail. It waits while a revision is applied.
func (e *Engine) Plan(p Proposal) (*Plan, error) {
	e.state.RLock()
	defer e.state.RUnlock()
	if e.state.state == nil {
		return nil, ErrNotReady
	}
	t := &trial{
		state:  e.state.state,
		plan:   &Plan{Unchanged: map[record.Key]int64{}, Put: map[record.Key][]byte{}},
		deltas: map[*version]int{},
	}
	var err error
	switch p.Resource {
	case record.Bundles:
		err = t.bundle(p)
	case record.Clusters:
		err = t.cluster(p)
	case record.ClusterGroups:
		err = t.group(p)
	case record.Mappings:
		t.mapping(p)
	case record.Policies:
		t.policy(p)
	case record.Restrictions:
		t.widens()
	}
	if err != nil {
		return nil, err
	}
	return t.plan, nil
}

// trial works out what a write would do, without doing it.
type trial struct {
	*state
	plan *Plan
	// deltas is by how much the unpinned failures of pending versions change.
	deltas map[*version]int
	// fallible tells that a version was evaluated that can fail.
	fallible bool
	// buried counts the reports that end.
	buried int
}

// guarded makes the plan hold only while nothing else widens targeting.
func (t *trial) guarded() { t.plan.Unchanged[record.GuardKey()] = t.guard }

// widens also makes the plans fail that were made before this write.
func (t *trial) widens() {
	t.guarded()
	t.plan.Put[record.GuardKey()] = []byte("{}")
}

// bundle plans a write of a Bundle: a new version that fails is pinned to the
// last one that worked.
func (t *trial) bundle(p Proposal) error {
	old := t.bundles[p.Name]
	pinKey := record.BundlePinKey(p.Name)
	pinned, hasPin := t.bundlePins[p.Name]
	if p.Object == nil {
		if hasPin {
			t.plan.Delete = append(t.plan.Delete, pinKey)
		}
		if old != nil {
			if f := t.inForce(old); f != nil {
				for c := range f.pairs {
					t.bury(claim{old, c})
				}
			}
		}
		return nil
	}
	object := p.Object.Object.(*v1alpha1.Bundle)
	if old != nil && old.newest.bundle.UID == object.UID && old.newest.bundle.Generation == object.Generation {
		return nil // the same version
	}
	b := &bundle{name: p.Name, mappings: t.peek(p.Name.Namespace).mappingsOf(object.Labels)}
	v := compile(b, p.Object)
	b.newest = v
	t.guarded()
	t.plan.Unchanged[pinKey] = pinned.revision
	kept := map[*cluster]struct{}{}
	failed := v.broken != "" || t.gate(v) != ""
	if !failed {
		failed = t.failsSomewhere(v, kept)
	}
	var before *version
	if old != nil && old.newest.bundle.UID == object.UID {
		before = t.inForce(old)
	}
	if !failed {
		if hasPin {
			t.plan.Delete = append(t.plan.Delete, pinKey)
		}
		if before != nil {
			for c := range before.pairs {
				if _, ok := kept[c]; !ok {
					t.bury(claim{old, c})
				}
			}
		}
		return nil
	}
	pin := record.BundlePin{UID: object.UID, Generation: object.Generation}
	if before != nil {
		lastGood, err := before.record.Encode()
		if err != nil {
			return err
		}
		pin.LastGood = lastGood
	}
	return t.put(pinKey, pin)
}

// failsSomewhere tells whether a new version fails on any cluster in scope; kept
// gets the clusters that it targets. What it looked at is guarded.
func (t *trial) failsSomewhere(v *version, kept map[*cluster]struct{}) bool {
	failed := false
	namespaces := map[string]struct{}{v.of.name.Namespace: {}}
	for c := range t.candidates(v) {
		if _, done := kept[c]; done {
			continue
		}
		pair, failure := t.evaluate(v, c.subject())
		if pair == nil {
			continue
		}
		kept[c] = struct{}{}
		namespaces[c.name.Namespace] = struct{}{}
		t.fallible = t.fallible || v.derived.PerCluster(pair.match)
		failed = failed || failure != ""
	}
	if t.fallible {
		t.widens()
		t.guardClusters(slices.Sorted(maps.Keys(namespaces))...)
	}
	return failed
}

func (t *trial) guardClusters(namespaces ...string) {
	for _, ns := range namespaces {
		t.plan.UnchangedSince = append(t.plan.UnchangedSince, etcd.RangeGuard{Resource: record.Clusters, Namespace: ns, Revision: t.revision})
	}
}

// cluster plans a write of a Cluster: what it breaks keeps its last good options.
func (t *trial) cluster(p Proposal) error {
	t.guarded()
	old := t.clusters[p.Name]
	if p.Object == nil {
		if _, ok := t.clusterPins[p.Name]; ok {
			t.plan.Delete = append(t.plan.Delete, record.ClusterPinsKey(p.Name))
		}
		if old != nil {
			for b := range old.pairs {
				t.tally(b, old, nil, "")
				t.bury(claim{b, old})
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

// move plans what becomes of a cluster's pairs when it changes its appearance.
func (t *trial) move(name record.Name, old *cluster, object *v1alpha1.Cluster, next *appearance) error {
	var before *appearance
	affected := map[*bundle]struct{}{}
	after := subject{targeting: next.targeting, object: object}
	if old != nil && old.object.UID == object.UID {
		before, after.pins = old.appearance(), old.pins
		maps.Copy(affected, bundlesOf(old, old.object, object))
	} else {
		old = nil
	}
	for v := range t.flipped(before, next) {
		affected[v.of] = struct{}{}
	}
	pins := map[pinKey]*derive.Content{}
	if old != nil {
		// Pins of versions that are still there, and still fail, stay.
		for b := range old.perCluster {
			for _, v := range b.versions() {
				if content, ok := old.pins[v.pinKey()]; ok && v.failures[old] != "" {
					pins[v.pinKey()] = content
				}
			}
		}
	}
	for b := range affected {
		for _, v := range b.versions() {
			pair, failure := t.evaluate(v, after)
			t.tallyVersion(v, old, pair, failure)
			delete(pins, v.pinKey())
			if failure == "" {
				continue
			}
			if pair.content != nil {
				pins[v.pinKey()] = pair.content
			} else if good := lastGood(v, old); good != nil && v == t.inForce(b) {
				pins[v.pinKey()] = good
			}
		}
		if old != nil {
			if f := t.inForce(b); f != nil && f.pairs[old] != nil {
				if pair, _ := t.evaluate(f, after); pair == nil {
					t.bury(claim{b, old})
				}
			}
		}
	}
	return t.pin(name, pins)
}

func lastGood(v *version, c *cluster) *derive.Content {
	if c == nil || v.pairs[c] == nil {
		return nil
	}
	return v.pairs[c].content
}

// pin writes a cluster's pins, if they differ from those that it has.
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
	var out record.ClusterPins
	for k, content := range pins {
		manifestID, _, _ := strings.Cut(content.DeploymentID, ":")
		out.Pins = append(out.Pins, record.ClusterPin{BundleUID: k.bundle, Generation: k.generation, ManifestID: manifestID, Options: content.Options})
	}
	slices.SortFunc(out.Pins, record.ClusterPin.Compare)
	return t.put(key, out)
}

// tally notes how the failures of a bundle's versions change with a cluster.
func (t *trial) tally(b *bundle, c *cluster, p *pair, failure string) {
	for _, v := range b.versions() {
		t.tallyVersion(v, c, p, failure)
	}
}

func (t *trial) tallyVersion(v *version, c *cluster, p *pair, failure string) {
	if !v.of.pending() || v != v.of.newest {
		return
	}
	if _, ok := t.deltas[v]; !ok {
		t.deltas[v] = 0
	}
	if c != nil && v.pairs[c] != nil && v.pairs[c].content == nil {
		t.deltas[v]--
	}
	if failure != "" && p.content == nil {
		t.deltas[v]++
	}
}

// accept removes the pins of pending versions that work after the write.
func (t *trial) accept() {
	for v, delta := range t.deltas {
		if v.broken == "" && t.gate(v) == "" && v.unpinned+delta == 0 {
			t.acceptBundle(v.of)
		}
	}
}

func (t *trial) acceptBundle(b *bundle) {
	key := record.BundlePinKey(b.name)
	t.plan.Unchanged[key] = t.bundlePins[b.name].revision
	t.plan.Delete = append(t.plan.Delete, key)
}

// bury deletes the report on a BundleDeployment that ends with the write: one
// that comes later is a new one, and starts without.
func (t *trial) bury(c claim) {
	if c.cluster.face.Namespace == "" || t.buried >= maxPinned {
		return
	}
	if _, ok := t.reports[c.key()]; ok {
		t.plan.Delete = append(t.plan.Delete, record.ReportKey(record.BundleDeployments, c.key()))
		t.buried++
	}
}

func (t *trial) put(key record.Key, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key.Path(), err)
	}
	t.plan.Put[key] = data
	return nil
}

// tooManyBroken refuses a write whose pins would not fit into one transaction.
func tooManyBroken(p Proposal, clusters int) error {
	return apierrors.NewInvalid(v1alpha1.SchemeGroupVersion.WithKind("ClusterGroup").GroupKind(), p.Name.Name, field.ErrorList{field.Forbidden(field.NewPath("spec", "selector"),
		fmt.Sprintf("this change would break the templates of Bundles on %d Clusters at once, and at most %d can keep their last good options in one write: change the group in smaller steps, or mend the templates first", clusters, maxPinned))})
}
