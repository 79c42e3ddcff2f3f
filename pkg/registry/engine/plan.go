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
	"github.com/musterfleet/muster/pkg/registry/index"
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
		moved:  map[*cluster]struct{}{},
		ended:  map[claim]struct{}{},
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
	t.bury()
	return t.plan, nil
}

// trial works out what a write would do, without doing it.
type trial struct {
	*state
	plan *Plan
	// deltas is by how much the unpinned failures of pending versions change.
	deltas map[*version]int
	// moved are the clusters that the write changes the appearance of.
	moved map[*cluster]struct{}
	// ended are the BundleDeployments that end with the write.
	ended map[claim]struct{}
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
	if p.Object == nil {
		if _, ok := t.bundlePins[p.Name]; ok {
			t.plan.Delete = append(t.plan.Delete, record.BundlePinKey(p.Name))
		}
		if old != nil {
			t.endPairs(old, func(*cluster) bool { return true })
		}
		return nil
	}
	object := p.Object.Object.(*v1alpha1.Bundle)
	if old != nil && old.newest.bundle.UID != object.UID {
		old = nil
	}
	mappings := t.peek(p.Name.Namespace).mappingsOf(object.Labels)
	if old != nil && old.newest.bundle.Generation == object.Generation {
		t.rescoped(old, mappings)
		return nil
	}
	return t.version(old, compile(&bundle{name: p.Name, mappings: mappings}, p.Object))
}

// version plans a new version of a bundle; old is nil if the bundle is new.
func (t *trial) version(old *bundle, v *version) error {
	t.guarded()
	pinKey := record.BundlePinKey(v.of.name)
	pinned, hasPin := t.bundlePins[v.of.name]
	t.plan.Unchanged[pinKey] = pinned.revision
	failed := v.broken != ""
	if !failed && t.gate(v) != "" {
		failed = true
		t.widens() // a plan of a Policy that would let it pass has to know it
	}
	if !failed {
		kept := map[*cluster]struct{}{}
		failed = t.failsSomewhere(v, kept)
		if !failed {
			if hasPin {
				t.plan.Delete = append(t.plan.Delete, pinKey)
			}
			if old != nil {
				t.endPairs(old, func(c *cluster) bool { _, ok := kept[c]; return !ok })
			}
			return nil
		}
	}
	pin := record.BundlePin{UID: v.bundle.UID, Generation: v.bundle.Generation}
	if old == nil {
		return t.put(pinKey, pin)
	}
	if before := t.inForce(old); before != nil {
		lastGood, err := before.record.Encode()
		if err != nil {
			return err
		}
		pin.LastGood = lastGood
	}
	return t.put(pinKey, pin)
}

// rescoped plans that a bundle's mappings become others, while its version stays.
// Pairs that come new have nothing to keep; but a pending version may lose the
// clusters on which it fails.
func (t *trial) rescoped(b *bundle, mappings []index.Selector) {
	again := &bundle{name: b.name, mappings: mappings}
	t.endPairs(b, func(c *cluster) bool { return !t.inScope(again, c.name.Namespace) })
	if !b.pending() || b.newest.broken != "" || t.gate(b.newest) != "" {
		return
	}
	t.guarded()
	again.newest = compile(again, b.newest.record)
	if !t.failsSomewhere(again.newest, map[*cluster]struct{}{}) {
		t.acceptBundle(b)
	}
}

// failsSomewhere tells whether a version fails on any cluster in scope; if not,
// kept gets the clusters that it targets. What it looked at is guarded: one
// cluster is enough to see that a version fails, but it takes all of them to see
// that it does not.
func (t *trial) failsSomewhere(v *version, kept map[*cluster]struct{}) bool {
	if v.canFail() {
		// Plans of other writes know this version only once it is there.
		t.widens()
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

// witness makes the plan hold only while a cluster stays what it is.
func (t *trial) witness(c *cluster) {
	t.plan.Unchanged[record.ObjectKey(record.Clusters, c.name)] = t.object(record.Clusters, c.name).RecordRevision
}

// guardClusters makes the plan hold only while the clusters stay what they are
// that a bundle may target.
func (t *trial) guardClusters(b *bundle) {
	namespace := b.name.Namespace
	if len(b.mappings) > 0 {
		namespace = "" // a mapping can select a namespace that is not known yet
	}
	t.guardNamespace(namespace)
}

// guardNamespace guards the clusters of one namespace, or with "" of all.
func (t *trial) guardNamespace(namespace string) {
	guard := etcd.RangeGuard{Resource: record.Clusters, Namespace: namespace, Revision: t.revision}
	if !slices.Contains(t.plan.UnchangedSince, guard) {
		t.plan.UnchangedSince = append(t.plan.UnchangedSince, guard)
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
			t.moved[old] = struct{}{}
			for b := range old.pairs {
				t.tally(b, old, nil, "")
				t.ended[claim{b, old}] = struct{}{}
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
		t.moved[old] = struct{}{}
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
		for b := range old.pairs {
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
			if good := lastGood(v, old); good != nil && (v == t.inForce(b) || pair.content != nil) {
				pins[v.pinKey()] = good
			}
		}
		if old != nil {
			if f := t.inForce(b); f != nil && f.pairs[old] != nil {
				if pair, _ := t.evaluate(f, after); pair == nil {
					t.ended[claim{b, old}] = struct{}{}
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
		switch {
		case v.broken != "" || t.gate(v) != "":
		case v.unpinned+delta == 0:
			t.acceptBundle(v.of)
		case delta < 0:
			t.stillFails(v)
		}
	}
}

// acceptBundle removes a bundle's pin. That holds only while all its clusters
// stay what they are; and plans of writes that took the version for a pending one
// do not hold any more.
func (t *trial) acceptBundle(b *bundle) {
	t.widens()
	t.guardClusters(b)
	key := record.BundlePinKey(b.name)
	t.plan.Unchanged[key] = t.bundlePins[b.name].revision
	t.plan.Delete = append(t.plan.Delete, key)
	if b.fallback != nil {
		for c := range b.fallback.pairs {
			if b.newest.pairs[c] == nil {
				t.ended[claim{b, c}] = struct{}{}
			}
		}
	}
}

// stillFails guards that a pending version fails on some cluster that the write
// leaves alone: of two writes that mend one cluster each, the second has to
// accept the version.
func (t *trial) stillFails(v *version) {
	for c, p := range v.pairs {
		if _, moved := t.moved[c]; !moved && p.content == nil {
			t.witness(c)
			return
		}
	}
}

// endPairs notes those of a bundle's BundleDeployments that end.
func (t *trial) endPairs(b *bundle, ends func(*cluster) bool) {
	f := t.inForce(b)
	if f == nil {
		return
	}
	for c := range f.pairs {
		if ends(c) {
			t.ended[claim{b, c}] = struct{}{}
		}
	}
}

// bury deletes the reports on the BundleDeployments that end with the write: one
// that comes later is a new one, and starts without. A report may be under way
// now, so those without one count too, as far as there is room.
func (t *trial) bury() {
	var reported, silent []record.Key
	for c := range t.ended {
		key := c.key()
		if key.Namespace == "" {
			continue
		}
		switch r, ok := t.reports[key]; {
		case !ok:
			silent = append(silent, record.ReportKey(record.BundleDeployments, key))
		case r.UID == derive.IdentityUID(c.bundle.newest.bundle.UID, c.cluster.object.UID):
			reported = append(reported, record.ReportKey(record.BundleDeployments, key))
		}
	}
	room := max(0, maxPinned-len(t.plan.Put)-len(t.plan.Delete))
	all := append(reported, silent...)
	t.plan.Delete = append(t.plan.Delete, all[:min(len(all), room)]...)
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
