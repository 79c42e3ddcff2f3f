// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// applyBundles adopts changed Bundles and pins, and matches every affected bundle against the
// clusters.
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

// adoptPin adopts the pin of a bundle's newest version.
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

// bundleIn returns the object record of a Bundle that a pin or a rollout record holds; nil if
// it holds none.
func bundleIn(data json.RawMessage) *record.Object {
	if len(data) == 0 {
		return nil
	}
	out, err := record.DecodeObject(record.Bundles, data)
	if err != nil {
		panic(fmt.Sprintf("state: a decoded record holds a Bundle that cannot be decoded: %v", err)) // see record.Decode
	}
	return out
}

// replaceVersion compiles a version, files its selectors, and puts it in the place of the old
// one.
func (w *work) replaceVersion(b *bundle, place **version, r *record.Object) {
	next := w.compile(b, r)
	// Versions that show the same share a face: the version that was in force until now may
	// become the fallback.
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

// dropVersion removes a version from the index. Its pairs end with it; publish decides what
// happens to their BundleDeployments.
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

// compare orders bundles by name, then by namespace.
func (b *bundle) compare(o *bundle) int {
	return cmp.Or(cmp.Compare(b.name.Name, o.name.Name), cmp.Compare(b.name.Namespace, o.name.Namespace))
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
	// Clearing a map costs as much as it held at its largest.
	if n := len(candidates); n < w.largest/8 {
		w.scratch, w.largest = map[*cluster]struct{}{}, 0
	} else {
		w.largest = max(w.largest, n)
	}
}

// candidates iterates over the clusters that a version's entries select in the namespaces in
// scope. It may yield a cluster more than once.
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

// meet does the part of evaluateOn that writes only to the bundle. targeted reports whether a
// version targets the cluster. own reports whether what a version means there depends on more
// of the cluster than the match, or fails.
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
		// A version that fails may fail only on clusters that look like this one.
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
