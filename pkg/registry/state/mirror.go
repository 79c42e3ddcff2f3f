// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state/undecodable"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// mirrors are outside facts: what the core API said when somebody looked.
type mirrors struct {
	// values are those of Bundles, by the Bundle's name and their hash.
	values map[record.Name]map[string]storedValues
	// downstream counts changes of copies, by BundleDeployment.
	downstream map[record.Name]storedDownstream
	// obstructed are the Bundles that tell of an obstacle, by BundleDeployment.
	obstructed map[record.Name]*bundle
}

func newMirrors() mirrors {
	return mirrors{
		values:     map[record.Name]map[string]storedValues{},
		downstream: map[record.Name]storedDownstream{},
		obstructed: map[record.Name]*bundle{},
	}
}

// storedValues are the values of a Bundle; data is nil if the record is no good.
type storedValues struct {
	data     map[string][]byte
	revision int64
}

// storedDownstream is a count and the revision of its record; a record that is no
// good counts for no BundleDeployment.
type storedDownstream struct {
	record.Downstream
	revision int64
}

// takeMirror enters an outside fact.
func (w *work) takeMirror(r *etcd.Record) error {
	switch r.Key.Resource {
	case record.Namespaces:
		return w.takeNamespace(r)
	case record.Secrets:
		return w.takeValues(r)
	case record.Downstreams:
		return w.takeDownstream(r)
	}
	return nil
}

func (w *work) takeNamespace(r *etcd.Record) error {
	name := r.Key.Name.Name
	ns := w.namespace(name)
	var next map[string]string
	var err error
	if r.Value != nil {
		var mirror *record.Namespace
		mirror, err = record.Decode[record.Namespace](r.Value)
		switch {
		case err == nil:
			if next = mirror.Labels; next == nil {
				next = map[string]string{} // nil is no mirror
			}
		case !w.undecodable.Loading:
			next, err = ns.labels, undecodable.Kept(err)
		}
	}
	before := w.labelsOf(name)
	ns.labels, ns.mirrored = next, 0
	if r.Value != nil {
		ns.mirrored = r.Revision
	}
	after := w.labelsOf(name)
	// Mappings of any namespace may select this one. What else changes at this
	// revision looks at the new labels by itself.
	for _, b := range w.State.bundles {
		if name != b.name.Namespace && b.selects(before) != b.selects(after) {
			w.rescope[b] = struct{}{}
		}
	}
	return err
}

// selects tells whether the bundle's mappings select a namespace with labels.
func (b *bundle) selects(labels map[string]string) bool {
	for _, selector := range b.mappings {
		if selector.Matches(labels) {
			return true
		}
	}
	return false
}

func (w *work) takeValues(r *etcd.Record) error {
	name, hash, err := record.ParseValuesKey(r.Key)
	if err != nil {
		return err
	}
	w.bundles[name] = struct{}{}
	all := w.mirrors.values[name]
	if r.Value == nil {
		if delete(all, hash); len(all) == 0 {
			delete(w.mirrors.values, name)
		}
		return nil
	}
	if all == nil {
		all = map[string]storedValues{}
		w.mirrors.values[name] = all
	}
	// What has a hash has one content: a bad record takes nothing away.
	next := storedValues{all[hash].data, r.Revision}
	decoded, err := record.Decode[record.Values](r.Value)
	switch {
	case err != nil && next.data != nil:
		err = undecodable.Kept(err)
	case err != nil:
	case record.ValuesHash(decoded.Values) != hash:
		err = fmt.Errorf("the values have the hash %s and not that of their name", record.ValuesHash(decoded.Values))
	default:
		next.data = decoded.Values
		if next.data == nil {
			next.data = map[string][]byte{} // nil is none
		}
	}
	all[hash] = next
	return err
}

func (w *work) takeDownstream(r *etcd.Record) error {
	w.reported[r.Key.Name] = struct{}{}
	last, had := w.mirrors.downstream[r.Key.Name]
	delete(w.mirrors.downstream, r.Key.Name)
	if r.Value == nil {
		return nil
	}
	decoded, err := record.Decode[record.Downstream](r.Value)
	if err != nil {
		w.mirrors.downstream[r.Key.Name] = storedDownstream{last.Downstream, r.Revision}
		if had {
			return undecodable.Kept(err)
		}
		return err
	}
	w.mirrors.downstream[r.Key.Name] = storedDownstream{*decoded, r.Revision}
	return nil
}

// downstreamOf is what the record of a BundleDeployment's copies says to its agent. It
// waits while one of the copies that it would look up is not held by this
// BundleDeployment: it would read what is meant for another.
func (s *State) downstreamOf(bd *view.BundleDeployment) view.Copies {
	var count int64
	var held []string
	if d, ok := s.mirrors.downstream[bd.Name()]; ok && d.UID == derive.IdentityUID(bd.Bundle.Bundle.UID, bd.Cluster.Cluster.UID) {
		count, held = d.Generation, d.Held
	}
	return view.CopiesOf(count, derive.AwaitsCopies(&bd.Content.Options, &bd.Bundle.Bundle.Spec, held))
}

// outdated tells whether a version's values came or went since it was compiled.
func (s *State) outdated(v *version) bool {
	hash := v.bundle.Spec.ValuesHash
	return hash != "" && (s.mirrors.values[v.of.name][hash].data == nil) != (v.waits != "")
}

// needsValues tells whether some version of a bundle is made with the values of a
// hash.
func (s *State) needsValues(b *bundle, hash string) bool {
	for _, v := range b.versions() {
		if v.bundle.Spec.ValuesHash == hash {
			return true
		}
	}
	return false
}

// A BundleDeployment may name Secrets and ConfigMaps that the controller cannot copy
// (S 4.7). The reason is a fact, in the record of its copies. Its Bundle tells it while
// the BundleDeployment of that record is shown.

// obstructAll is obstruct for all names of a load.
func (w *work) obstructAll() {
	for name := range w.mirrors.downstream {
		w.obstruct(name)
	}
}

// obstruct makes the Bundle of a BundleDeployment tell why its copies are incomplete,
// and makes the Bundle that had the name before tell it no more.
func (w *work) obstruct(name record.Name) {
	d := w.mirrors.downstream[name]
	was := w.mirrors.obstructed[name]
	if d.Obstacle == "" && was == nil {
		return
	}
	var is *bundle
	if have := w.deployment(name); have != nil && d.Obstacle != "" && d.UID == derive.IdentityUID(have.Bundle.Bundle.UID, have.Cluster.Cluster.UID) {
		is = w.bundleOf(have)
	}
	if was != nil && was != is {
		delete(was.obstacles, name)
		delete(w.mirrors.obstructed, name)
		w.obstructed[was] = struct{}{}
	}
	if is == nil || is.obstacles[name] == d.Obstacle {
		return
	}
	if is.obstacles == nil {
		is.obstacles = map[record.Name]string{}
	}
	is.obstacles[name] = d.Obstacle
	w.mirrors.obstructed[name] = is
	w.obstructed[is] = struct{}{}
}

// obstacle is what the first BundleDeployment by name lacks; "" if none lacks anything.
func (b *bundle) obstacle() string {
	if len(b.obstacles) == 0 {
		return ""
	}
	name := slices.MinFunc(slices.Collect(maps.Keys(b.obstacles)), record.Name.Compare)
	return "BundleDeployment " + name.String() + ": " + b.obstacles[name]
}
