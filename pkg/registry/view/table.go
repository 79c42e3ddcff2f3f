// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"iter"

	"github.com/google/btree"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// byBundle is the second order of BundleDeployments: by Bundle, then Cluster.
const byBundle = "bundledeployments by bundle"

// tables is a table per resource.
type tables map[string]*table

// table is an ordered map from names to items: a B-tree that is copied where it
// is written. The nil table is empty.
type table struct {
	tree *btree.BTreeG[Item]
}

// degree of the B-trees: wide nodes make scans fast, and copying a path on write
// dear. Each revision that is held keeps its paths, so history weighs more than
// scans do (BenchmarkReport): with 32, a report on one of 100,000 BundleDeployments
// holds 1.6 times the bytes.
const degree = 8

func newTable(resource string) *table {
	if resource == byBundle {
		return &table{btree.NewG(degree, lessByBundle)}
	}
	return &table{btree.NewG(degree, lessByName)}
}

func lessByName(a, b Item) bool { return a.Name().Compare(b.Name()) < 0 }

// bundleOrder is a BundleDeployment in the order of byBundle.
type bundleOrder struct{ *BundleDeployment }

// probe stands for a name in a search.
type probe struct {
	Item
	name record.Name
}

func (p probe) Name() record.Name { return p.name }

func bundleKey(item Item) (bundle record.Name, cluster string) {
	if pair, ok := item.(*bundleOrder); ok {
		b := pair.Bundle.Bundle
		return record.Name{Namespace: b.Namespace, Name: b.Name}, pair.Cluster.Namespace
	}
	return item.Name(), ""
}

func lessByBundle(a, b Item) bool {
	bundleA, clusterA := bundleKey(a)
	bundleB, clusterB := bundleKey(b)
	if c := bundleA.Compare(bundleB); c != 0 {
		return c < 0
	}
	return cmp.Less(clusterA, clusterB)
}

func (t *table) get(name record.Name) Item {
	if t == nil {
		return nil
	}
	item, ok := t.tree.Get(probe{name: name})
	if !ok {
		return nil
	}
	return item
}

func (t *table) len() int {
	if t == nil {
		return 0
	}
	return t.tree.Len()
}

func (t *table) from(name record.Name) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		if t != nil {
			t.tree.AscendGreaterOrEqual(probe{name: name}, yield)
		}
	}
}

func (t *table) clone() *table { return &table{t.tree.Clone()} }
