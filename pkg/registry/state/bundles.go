// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// applyBundles takes over changed Bundles and pins, and matches every bundle
// that needs it against the clusters.
func (w *work) applyBundles() {
	begins := w.begins()
	for name := range w.bundles {
		b := w.State.bundles[name]
		object := w.object(record.Bundles, name)
		if b != nil && (object == nil || b.newest.bundle.UID != object.Record.Object.GetUID()) {
			w.removeBundle(b)
			b = nil
		}
		if object == nil {
			continue
		}
		if b == nil {
			b = &bundle{name: name, lost: map[record.Name]string{}, roll: w.ledger.AddBundle(name)}
			w.before[b] = nil
			w.State.bundles[name] = b
			w.namespace(name.Namespace).bundles[b] = struct{}{}
			w.holds.named[name.Name] = append(w.holds.named[name.Name], b)
		}
		w.touch(b)
		if b.newest == nil || b.newest.record != object.Record || w.outdated(b.newest) {
			w.replaceVersion(b, &b.newest, object.Record)
		}
		w.adoptPin(b)
		w.adoptRollout(b)
		b.mappings = w.namespace(name.Namespace).mappingsOf(b.newest.bundle.Labels)
		w.rescope[b] = struct{}{}
	}
	if begins {
		w.first = w.match()
		return
	}
	for b := range w.rescope {
		if w.State.bundles[b.name] == b {
			w.retarget(b)
		}
	}
}

// adoptPin takes a bundle's pin over, if it is one of the newest version.
func (w *work) adoptPin(b *bundle) {
	b.pin = nil
	var lastGood *record.Object
	if stored, ok := w.bundlePins[b.name]; ok && stored.pin.UID == b.newest.bundle.UID && stored.pin.Generation == b.newest.bundle.Generation && !ending(b.newest.bundle) {
		b.pin = stored.pin
		lastGood = bundleIn(b.pin.LastGood)
	}
	switch {
	case lastGood == nil && b.fallback != nil:
		w.dropVersion(b, b.fallback)
		b.fallback = nil
	case lastGood != nil && (b.fallback == nil || !bytes.Equal(b.fallbackRecord, b.pin.LastGood) || w.outdated(b.fallback)):
		w.replaceVersion(b, &b.fallback, lastGood)
		b.fallbackRecord = b.pin.LastGood
	}
}

// bundleIn is the object record of a Bundle that a pin or a rollout record holds; nil if
// it holds none.
func bundleIn(data json.RawMessage) *record.Object {
	if len(data) == 0 {
		return nil
	}
	out, err := record.DecodeObject(record.Bundles, data)
	if err != nil {
		panic(fmt.Sprintf("state: a record was decoded that holds what cannot be: %v", err)) // see record.Decode
	}
	return out
}

// replaceVersion compiles a version and files its selectors, in the place of
// the one that was there.
func (w *work) replaceVersion(b *bundle, place **version, r *record.Object) {
	next := w.compile(b, r)
	// Versions that show the same share a face, above all the one that was in
	// force until now and becomes the fallback.
	for _, other := range []*version{w.before[b], b.newest, b.fallback, b.base} {
		if other != nil && equality.Semantic.DeepEqual(other.face, next.face) {
			next.face = other.face
			break
		}
	}
	if old := *place; old != nil {
		w.dropVersion(b, old)
	}
	*place = next
	if next.targets == nil {
		return
	}
	for filing := range next.targets.Filings() {
		for i, selector := range filing.Labels {
			w.index.entries.Add(entry{next, filing.Entry, i}, selector)
		}
		if filing.GroupLabels != nil {
			w.index.groupEntries.Add(entry{next, filing.Entry, 0}, *filing.GroupLabels)
		}
	}
}

// dropVersion takes a version out of the index. Its pairs end with it; what
// becomes of their BundleDeployments is seen when they are published.
func (w *work) dropVersion(b *bundle, v *version) {
	if v.targets != nil {
		for filing := range v.targets.Filings() {
			for i := range filing.Labels {
				w.index.entries.Remove(entry{v, filing.Entry, i})
			}
			if filing.GroupLabels != nil {
				w.index.groupEntries.Remove(entry{v, filing.Entry, 0})
			}
		}
	}
	w.index.readers.drop(v)
	w.dropped[b] = slices.AppendSeq(w.dropped[b], maps.Keys(v.pairs))
}

func (w *work) removeBundle(b *bundle) {
	w.touch(b)
	for _, v := range b.versions() {
		w.dropVersion(b, v)
		for c := range v.pairs {
			delete(c.pairs, b)
			delete(c.perCluster, b)
			w.withdraw(claim{b, c})
		}
	}
	for c := range b.barred {
		delete(c.pairs, b)
	}
	w.ledger.RemoveBundle(b.roll)
	delete(w.namespace(b.name.Namespace).bundles, b)
	w.unname(b)
	delete(w.State.bundles, b.name)
}

// retarget matches a bundle against all clusters in scope.
func (w *work) retarget(b *bundle) {
	w.touch(b)
	candidates := w.scratch
	clear(candidates)
	for _, c := range w.dropped[b] {
		if w.State.clusters[c.name] == c {
			candidates[c] = struct{}{}
		}
	}
	maps.Copy(candidates, b.barred)
	for _, v := range b.versions() {
		for c := range v.pairs {
			candidates[c] = struct{}{}
		}
		for c := range w.candidates(v) {
			candidates[c] = struct{}{}
		}
	}
	w.evaluateAll(b, candidates)
	// To clear a map costs what it once held.
	if n := len(candidates); n < w.largest/8 {
		w.scratch, w.largest = map[*cluster]struct{}{}, 0
	} else {
		w.largest = max(w.largest, n)
	}
}

// candidates iterates over the clusters that a version's entries select, in
// the namespaces in scope. A cluster may come more than once.
func (s *State) candidates(v *version) func(func(*cluster) bool) {
	return func(yield func(*cluster) bool) {
		if v.targets == nil {
			return
		}
		if s.exhaustive {
			for _, c := range s.clusters {
				if s.inScope(v.of, c.name.Namespace) && !yield(c) {
					return
				}
			}
			return
		}
		for filing := range v.targets.Filings() {
			for _, selector := range filing.Labels {
				if len(v.of.mappings) == 0 {
					selector = selector.And(index.In(targeting.NamespaceKey, v.of.name.Namespace))
				}
				for c := range s.index.clusters.Select(selector) {
					if s.inScope(v.of, c.name.Namespace) && !yield(c) {
						return
					}
				}
			}
		}
	}
}

// evaluateOn evaluates all versions of a bundle on a cluster.
func (w *work) evaluateOn(b *bundle, c *cluster) {
	w.evaluated++
	w.touch(b)
	targeted, own := w.meet(b, c)
	setMember(c.pairs, b, targeted)
	setMember(c.perCluster, b, own)
	w.settle.add(claim{b, c})
}

// meet is evaluateOn as far as the bundle alone is written. It tells whether a version
// targets the cluster, and whether what one means there is the cluster's own: it depends
// on the cluster beyond the match, or fails.
func (s *State) meet(b *bundle, c *cluster) (targeted, own bool) {
	for _, v := range [...]*version{b.newest, b.fallback, b.base} {
		if v == nil {
			continue
		}
		found, ok, failure := s.resolve(v, c.subject())
		if !ok {
			v.set(c, nil, "")
			continue
		}
		// One that fails may do so on clusters of some appearance only.
		if failure != "" || v.derived.PerCluster(found.match) {
			apart := found
			v.set(c, &apart, failure)
			own = true
		} else {
			v.set(c, v.share(found), "")
		}
		targeted = true
	}
	if c.barred != "" || len(b.barred) > 0 {
		targeted = s.noteBarred(b, c) || targeted
	}
	return targeted, own
}
