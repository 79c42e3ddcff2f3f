// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"maps"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Clients of the API do not write mirrors. So the plan of a mirror is the whole write, and
// includes the record itself.

// Empty reports whether the plan writes nothing.
func (p *Plan) Empty() bool { return len(p.Put) == 0 && len(p.Delete) == 0 && len(p.First) == 0 }

// Txn returns the transaction of a plan that is the whole write. If steps come first, it
// returns the first one; the write must then be planned anew.
func (p *Plan) Txn() etcd.Txn {
	if len(p.First) > 0 {
		return p.First[0]
	}
	return etcd.Txn{Unchanged: p.Unchanged, UnchangedSince: p.UnchangedSince, Put: p.Put, Delete: p.Delete}
}

// Namespace plans that the mirror of a Namespace holds its labels; nil labels mean that the
// Namespace is gone. The plan is empty if the log agrees already. No mirror is needed if the
// labels say no more than the Namespace's name.
func (planner *Planner) Namespace(name string, labels map[string]string) (*Plan, error) {
	return planner.mirror(func(t *trial) error { return t.namespaceLabels(name, labels) })
}

// Values plans that the log holds the data of a Bundle's values Secret (S 4.5). The plan is
// empty if the log holds it already. A version that waited for the values comes into force
// with the write, if it fails nowhere.
func (planner *Planner) Values(bundle record.Name, data map[string][]byte) (*Plan, error) {
	return planner.mirror(func(t *trial) error { return t.mirrorValues(bundle, data) })
}

// DropValues plans that the log deletes values. The plan is empty if some version of the
// Bundle needs them, or if the log has none.
func (planner *Planner) DropValues(bundle record.Name, hash string) (*Plan, error) {
	return planner.mirror(func(t *trial) error { t.forgetValues(bundle, hash); return nil })
}

func (planner *Planner) mirror(write func(*trial) error) (*Plan, error) {
	return planner.try(planner.newWarmth(context.Background()), Proposal{}, write)
}

// namespaceLabels plans other labels of a Namespace. Like a mapping, they widen or narrow
// what Bundles of other namespaces target.
func (t *trial) namespaceLabels(name string, labels map[string]string) error {
	if labels == nil || maps.Equal(labels, ownLabels(name)) {
		labels = nil
	}
	ns := t.peek(name)
	if (labels == nil) == (ns.mirrored == 0) && maps.Equal(labels, ns.labels) {
		return nil
	}
	t.widens()
	key := record.NamespaceKey(name)
	t.plan.Unchanged[key] = ns.mirrored
	if labels == nil {
		t.plan.Delete = append(t.plan.Delete, key)
		labels = ownLabels(name)
	} else if err := t.put(key, record.Namespace{Labels: labels}); err != nil {
		return err
	}
	before := t.labelsOf(name)
	for _, b := range t.bundles {
		if b.name.Namespace == name || b.selects(before) == b.selects(labels) {
			continue
		}
		t.rescopedAs(b, &bundle{name: b.name, mappings: b.mappings, relabelled: &relabelled{name, labels}})
	}
	return nil
}

// mirrorValues plans that the values of a hash become known.
func (t *trial) mirrorValues(name record.Name, data map[string][]byte) error {
	hash := record.ValuesHash(data)
	stored := t.mirrors.values[name][hash]
	if stored.data != nil {
		return nil
	}
	if data == nil {
		data = map[string][]byte{}
	}
	key := record.ValuesKey(name, hash)
	t.plan.Unchanged[key] = stored.revision
	if err := t.put(key, record.Values{Values: data}); err != nil {
		return err
	}
	b := t.guardBundle(name)
	if b == nil || b.newest.bundle.Spec.ValuesHash != hash {
		return nil
	}
	t.newVersion()
	if !b.pending() {
		return nil // the version was accepted before any controller read its values
	}
	again := &bundle{name: b.name, mappings: b.mappings}
	again.newest = t.compileWith(again, b.newest.record, data)
	if again.newest.broken != "" || t.gate(again.newest) != "" {
		return nil
	}
	kept := map[*cluster]struct{}{}
	if !t.failsSomewhere(again.newest, kept) {
		t.acceptBundle(b, again.newest, memberOf(kept))
	}
	return nil
}

// forgetValues plans that values which no version needs are deleted.
func (t *trial) forgetValues(name record.Name, hash string) {
	stored, ok := t.mirrors.values[name][hash]
	if !ok {
		return
	}
	if b := t.guardBundle(name); b != nil && t.needsValues(b, hash) {
		return
	}
	key := record.ValuesKey(name, hash)
	t.plan.Unchanged[key] = stored.revision
	t.plan.Delete = append(t.plan.Delete, key)
}

// guardBundle returns a Bundle, nil if it does not exist. It makes the plan hold only while
// the Bundle keeps its versions.
func (t *trial) guardBundle(name record.Name) *bundle {
	t.plan.Unchanged[record.BundlePinKey(name)] = t.bundlePins[name].revision
	t.plan.Unchanged[record.RolloutKey(name)] = t.holds.rollouts[name].revision
	t.plan.Unchanged[record.ObjectKey(record.Bundles, name)] = 0
	if object := t.object(record.Bundles, name); object != nil {
		t.plan.Unchanged[record.ObjectKey(record.Bundles, name)] = object.RecordRevision
	}
	return t.bundles[name]
}

// guardValues makes the plan hold only while the values that a version needs neither appear
// nor disappear.
func (t *trial) guardValues(v *version) {
	if hash := v.bundle.Spec.ValuesHash; record.IsValuesHash(hash) {
		t.plan.Unchanged[record.ValuesKey(v.of.name, hash)] = t.mirrors.values[v.of.name][hash].revision
	}
}

// dropValues plans that a Bundle's values are deleted with it.
func (t *trial) dropValues(name record.Name) {
	for hash := range t.mirrors.values[name] {
		t.plan.Delete = append(t.plan.Delete, record.ValuesKey(name, hash))
	}
}
