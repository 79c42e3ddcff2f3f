// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"iter"
	"sync"

	"github.com/google/btree"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// pairs is the table of BundleDeployments, in two orders. Its trees hold pointers, not
// interfaces, which are twice as large: a view may hold a million BundleDeployments.
type pairs struct {
	// byName orders by the Cluster's namespace, then the Bundle's name.
	byName *pairTree
	// byBundle orders by the Bundle, then the Cluster's namespace.
	byBundle *pairTree
	// loose counts the writes since the nodes were last filled.
	loose int
}

type pairTree = btree.BTreeG[*BundleDeployment]

func newPairs() *pairs {
	return &pairs{byName: btree.NewG(degree, pairLessByName), byBundle: btree.NewG(degree, pairLessByBundle)}
}

// fullPairs returns a table with full nodes. The caller passes the BundleDeployments in
// both orders.
func fullPairs(byName, byBundle []*BundleDeployment) *pairs {
	t := &pairs{}
	var both sync.WaitGroup
	both.Go(func() { t.byName = fullTree(byName, pairLessByName) })
	both.Go(func() { t.byBundle = fullTree(byBundle, pairLessByBundle) })
	both.Wait()
	return t
}

func pairLessByName(a, b *BundleDeployment) bool {
	if a.Cluster != b.Cluster {
		if c := cmp.Compare(a.Cluster.Namespace, b.Cluster.Namespace); c != 0 {
			return c < 0
		}
	}
	return a.Bundle != b.Bundle && a.Bundle.Bundle.Name < b.Bundle.Bundle.Name
}

func pairLessByBundle(a, b *BundleDeployment) bool {
	if a.Bundle != b.Bundle {
		x, y := a.Bundle.Bundle, b.Bundle.Bundle
		if c := cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name)); c != 0 {
			return c < 0
		}
	}
	return a.Cluster != b.Cluster && a.Cluster.Namespace < b.Cluster.Namespace
}

// pairProbe holds the key of a search. Every read searches and a Bundle is large, so probes
// are reused.
type pairProbe struct {
	pair    BundleDeployment
	face    BundleFace
	cluster ClusterFace
	bundle  v1alpha1.Bundle
}

var pairProbes = sync.Pool{New: func() any {
	p := &pairProbe{}
	p.face.Bundle = &p.bundle
	p.pair.Bundle, p.pair.Cluster = &p.face, &p.cluster
	return p
}}

// search calls do with a probe that compares like a BundleDeployment with these names.
func search(bundle record.Name, cluster string, do func(*BundleDeployment)) {
	p := pairProbes.Get().(*pairProbe)
	p.bundle.Namespace, p.bundle.Name, p.cluster.Namespace = bundle.Namespace, bundle.Name, cluster
	do(&p.pair)
	pairProbes.Put(p)
}

func searchName(name record.Name, do func(*BundleDeployment)) {
	search(record.Name{Name: name.Name}, name.Namespace, do)
}

// orNil returns the pair as an Item. A nil pointer becomes a nil Item.
func orNil(pair *BundleDeployment) Item {
	if pair == nil {
		return nil
	}
	return pair
}

func (t *pairs) get(name record.Name) Item {
	var found *BundleDeployment
	searchName(name, func(at *BundleDeployment) { found, _ = t.byName.Get(at) })
	return orNil(found)
}

func (t *pairs) put(item Item) Item {
	next := item.(*BundleDeployment)
	t.loose++
	prev, _ := t.byName.ReplaceOrInsert(next)
	// A Bundle in another namespace but with the same name may take over this name.
	if prev != nil && (pairLessByBundle(prev, next) || pairLessByBundle(next, prev)) {
		t.byBundle.Delete(prev)
	}
	t.byBundle.ReplaceOrInsert(next)
	return orNil(prev)
}

func (t *pairs) remove(name record.Name) Item {
	var prev *BundleDeployment
	t.loose++
	searchName(name, func(at *BundleDeployment) { prev, _ = t.byName.Delete(at) })
	if prev != nil {
		t.byBundle.Delete(prev)
	}
	return orNil(prev)
}

func (t *pairs) len() int { return t.byName.Len() }

func (t *pairs) from(name record.Name) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		searchName(name, func(at *BundleDeployment) {
			t.byName.AscendGreaterOrEqual(at, func(pair *BundleDeployment) bool { return yield(pair) })
		})
	}
}

// ofBundle iterates over the BundleDeployments of one Bundle, in order.
func (t *pairs) ofBundle(bundle record.Name) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		search(bundle, "", func(at *BundleDeployment) {
			t.byBundle.AscendGreaterOrEqual(at, func(pair *BundleDeployment) bool {
				return pair.Bundle.Bundle.Name == bundle.Name && pair.Bundle.Bundle.Namespace == bundle.Namespace && yield(pair)
			})
		})
	}
}

func (t *pairs) clone() table { return &pairs{t.byName.Clone(), t.byBundle.Clone(), t.loose} }

// pack fills the nodes again, but only after writes to more than a sixteenth of the table:
// after fewer it saves too little memory for its time.
func (t *pairs) pack() {
	if t.loose > t.len()/16 {
		*t = *fullPairs(inOrder(t.byName), inOrder(t.byBundle))
	}
}

func inOrder(t *pairTree) []*BundleDeployment {
	out := make([]*BundleDeployment, 0, t.Len())
	t.Ascend(func(pair *BundleDeployment) bool {
		out = append(out, pair)
		return true
	})
	return out
}

// fullTree returns a tree with full nodes from pairs in order. Plain insertion in order
// would leave nodes half full: a full node splits, and its left half gets no more items. So
// fullTree first inserts every second item, and the others then find room without a split.
func fullTree(pairs []*BundleDeployment, less btree.LessFunc[*BundleDeployment]) *pairTree {
	out := btree.NewG(degree, less)
	for pass := range 2 {
		for i := pass; i < len(pairs); i += 2 {
			out.ReplaceOrInsert(pairs[i])
		}
	}
	return out
}
