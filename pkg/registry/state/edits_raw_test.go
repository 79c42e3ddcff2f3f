// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// raw returns a write that no client could make: several objects at once, pins of anything,
// reports on objects that do not exist. The view must be a function of the records even so.
func (e *edits) raw() *etcd.Txn {
	txn := &etcd.Txn{Put: map[record.Key][]byte{}}
	for range 1 + e.IntN(4) {
		switch e.IntN(8) {
		case 7:
			e.anyHolder(txn)
		case 6:
			e.anyPromotion(txn)
		case 0:
			e.fact(txn)
		case 1:
			e.anyPin(txn)
		case 2:
			e.anyMirror(txn)
		default:
			p := e.proposal()
			one := e.j.unplanned(e.t, p)
			maps.Copy(txn.Put, one.Put)
			txn.Delete = append(txn.Delete, one.Delete...)
			if e.oneIn(2) {
				e.reborn(txn, p)
			}
		}
	}
	txn.Delete = slices.DeleteFunc(txn.Delete, func(key record.Key) bool { _, both := txn.Put[key]; return both })
	e.withoutNothing(txn)
	return txn
}

// reborn replaces an object that is written by another one with its name.
func (e *edits) reborn(txn *etcd.Txn, p Proposal) {
	if p.Object == nil || !e.oneIn(6) {
		return
	}
	e.born++
	p.Object.Object.SetUID(types.UID(fmt.Sprintf("uid-%d", e.born)))
	put(e.t, txn, record.ObjectKey(p.Resource, p.Name), p.Object)
}

// anyHolder writes or deletes the holder record of a random name, usually one that exists.
func (e *edits) anyHolder(txn *etcd.Txn) {
	names := slices.SortedFunc(maps.Keys(e.j.state.contested), record.Name.Compare)
	if len(names) == 0 || e.oneIn(8) {
		names = []record.Name{{Namespace: "shared", Name: pick(e.universe, someBundles...)}}
	}
	name := pick(e.universe, names...)
	b, c := e.j.object(e.t, record.Bundles, record.Name{Namespace: pick(e.universe, someNamespaces...), Name: name.Name}), e.j.object(e.t, record.Clusters, e.name(someClusters))
	for _, claim := range slices.SortedFunc(maps.Keys(e.j.state.contested[name]), func(a, b claim) int {
		return cmp.Or(a.bundle.name.Compare(b.bundle.name), a.cluster.name.Compare(b.cluster.name))
	}) {
		if e.oneIn(2) {
			b, c = &record.Object{Object: claim.bundle.newest.bundle}, &record.Object{Object: claim.cluster.object}
		}
	}
	if b == nil || c == nil || e.oneIn(5) {
		txn.Delete = append(txn.Delete, record.HolderKey(name))
		return
	}
	put(e.t, txn, record.HolderKey(name), record.Holder{UID: derive.IdentityUID(b.Object.GetUID(), c.Object.GetUID())})
}

// anyPin writes or deletes a random pin of a random version.
func (e *edits) anyPin(txn *etcd.Txn) {
	bundle, cluster := e.name(someBundles), e.name(someClusters)
	r := e.j.object(e.t, record.Bundles, bundle)
	if r == nil || e.oneIn(2) {
		txn.Delete = append(txn.Delete, pick(e.universe, record.BundlePinKey(bundle), record.ClusterPinsKey(cluster)))
		return
	}
	if b := r.Object.(*v1alpha1.Bundle); e.oneIn(2) {
		p := record.BundlePin{UID: b.UID, Generation: b.Generation}
		if !e.oneIn(3) {
			b.Spec, b.Generation = e.bundleSpec(), b.Generation-1
			e.seed(r)
			lastGood, err := r.Encode()
			require.NoError(e.t, err)
			p.LastGood = lastGood
		}
		put(e.t, txn, record.BundlePinKey(bundle), p)
	} else {
		pin := record.ClusterPin{BundleUID: b.UID, Generation: b.Generation, ManifestID: r.Content, Options: e.options()}
		put(e.t, txn, record.ClusterPinsKey(cluster), record.ClusterPins{Pins: []record.ClusterPin{pin}})
	}
}

// withoutNothing removes what would change nothing from a transaction, because a store does
// not write that.
func (e *edits) withoutNothing(txn *etcd.Txn) {
	for key, value := range txn.Put {
		if have, ok := e.j.records[key]; ok && have.value == string(value) && key.Type != record.TypeGuard {
			delete(txn.Put, key)
		}
	}
}
