// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state/undecodable"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// mirrors are outside facts: what the core API said when a controller read it.
type mirrors struct {
	// values are the values of Bundles, by the Bundle's name and their hash.
	values map[record.Name]map[string]storedValues
	// downstream counts changes of copies, by BundleDeployment.
	downstream map[record.Name]storedDownstream
	// obstructed are the Bundles that report an obstacle, by BundleDeployment.
	obstructed map[record.Name]*bundle
}

func newMirrors() mirrors {
	return mirrors{
		values:     map[record.Name]map[string]storedValues{},
		downstream: map[record.Name]storedDownstream{},
		obstructed: map[record.Name]*bundle{},
	}
}

// storedValues are the values of a Bundle. data is nil if the record cannot be used.
type storedValues struct {
	data     map[string][]byte
	revision int64
}

// storedDownstream is a count and the revision of its record. A record that cannot be used
// counts for no BundleDeployment.
type storedDownstream struct {
	record.Downstream
	revision int64
}

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
				next = map[string]string{} // nil would mean no mirror
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
	// Mappings of any namespace may select this one. Other changes of this revision use the
	// new labels anyway.
	for _, b := range w.State.bundles {
		if name != b.name.Namespace && b.selects(before) != b.selects(after) {
			w.rescope[b] = struct{}{}
		}
	}
	return err
}

// selects reports whether the bundle's mappings select a namespace with these labels.
func (b *bundle) selects(labels map[string]string) bool {
	return slices.ContainsFunc(b.mappings, func(s index.Selector) bool { return s.Matches(labels) })
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
	// A hash has only one content, so a bad record removes nothing.
	next := storedValues{all[hash].data, r.Revision}
	decoded, err := record.Decode[record.Values](r.Value)
	switch {
	case err != nil && next.data != nil:
		err = undecodable.Kept(err)
	case err != nil:
	case record.ValuesHash(decoded.Values) != hash:
		err = fmt.Errorf("the values have the hash %s, not the one in their key", record.ValuesHash(decoded.Values))
	default:
		next.data = decoded.Values
		if next.data == nil {
			next.data = map[string][]byte{} // nil would mean no values
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

// downstreamOf returns what the record of a BundleDeployment's copies tells its agent. The
// agent waits for copies that this BundleDeployment does not hold. Otherwise it would read
// what is meant for another one.
func (s *State) downstreamOf(bd *view.BundleDeployment) view.Copies {
	var count int64
	var held []string
	if d, ok := s.mirrors.downstream[bd.Name()]; ok && d.UID == derive.IdentityUID(bd.Bundle.Bundle.UID, bd.Cluster.Cluster.UID) {
		count, held = d.Generation, d.Held
	}
	return view.CopiesOf(count, derive.AwaitsCopies(&bd.Content.Options, &bd.Bundle.Bundle.Spec, held))
}

// outdated reports whether a version's values appeared or disappeared since it was compiled.
func (s *State) outdated(v *version) bool {
	hash := v.bundle.Spec.ValuesHash
	return hash != "" && (s.mirrors.values[v.of.name][hash].data == nil) != (v.waits != "")
}

// needsValues reports whether some version of a bundle uses the values with a hash.
func (s *State) needsValues(b *bundle, hash string) bool {
	return slices.ContainsFunc(b.versions(), func(v *version) bool { return v.bundle.Spec.ValuesHash == hash })
}

// A BundleDeployment may name Secrets and ConfigMaps that the controller cannot copy (S 4.7).
// The reason is a fact, in the record of its copies. Its Bundle shows the reason while the
// BundleDeployment of that record is shown.

// obstruct makes the Bundle of a BundleDeployment show why its copies are incomplete. A
// Bundle that had the name before no longer shows it.
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

// obstacle returns what the first BundleDeployment by name lacks; "" if none lacks anything.
func (b *bundle) obstacle() string {
	if len(b.obstacles) == 0 {
		return ""
	}
	name := slices.MinFunc(slices.Collect(maps.Keys(b.obstacles)), record.Name.Compare)
	return "BundleDeployment " + name.String() + ": " + b.obstacles[name]
}
