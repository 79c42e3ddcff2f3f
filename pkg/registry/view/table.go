// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"iter"

	"github.com/google/btree"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// tables holds a table for each resource that has ever had an object.
type tables map[string]table

// table is an ordered map from names to items.
type table interface {
	get(name record.Name) Item
	// put and remove return the previous item with that name, or nil.
	put(next Item) (prev Item)
	remove(name record.Name) (prev Item)
	len() int
	// from iterates in order, starting at a name.
	from(name record.Name) iter.Seq[Item]
	// clone returns an independent copy. It costs nothing: B-trees copy nodes on write.
	clone() table
	// pack makes the table as small as it can be.
	pack()
}

// degree is the degree of the B-trees. Wide nodes make scans fast, but copying a path on
// write expensive. Each revision in the log keeps its paths, so memory matters more than
// scans (BenchmarkReport): with degree 32, a report on one of 100,000 BundleDeployments
// holds 1.6 times the bytes.
const degree = 8

func newTable(resource string) table {
	if resource == record.BundleDeployments {
		return newPairs()
	}
	return &objects{btree.NewG(degree, lessByName)}
}

// of returns the table of a resource, or an empty one if it has none.
func (t tables) of(resource string) table {
	if have, ok := t[resource]; ok {
		return have
	}
	return none
}

var none table = &objects{btree.NewG(degree, lessByName)}

// objects is the table of a stored resource.
type objects struct{ tree *btree.BTreeG[Item] }

func lessByName(a, b Item) bool { return a.Name().Compare(b.Name()) < 0 }

type probe struct {
	Item
	name record.Name
}

func (p probe) Name() record.Name { return p.name }

func (t *objects) get(name record.Name) Item {
	item, _ := t.tree.Get(probe{name: name})
	return item
}

func (t *objects) put(next Item) Item {
	prev, _ := t.tree.ReplaceOrInsert(next)
	return prev
}

func (t *objects) remove(name record.Name) Item {
	prev, _ := t.tree.Delete(probe{name: name})
	return prev
}

func (t *objects) len() int { return t.tree.Len() }

func (t *objects) from(name record.Name) iter.Seq[Item] {
	return func(yield func(Item) bool) { t.tree.AscendGreaterOrEqual(probe{name: name}, yield) }
}

func (t *objects) clone() table { return &objects{t.tree.Clone()} }

func (t *objects) pack() {} // objects take far more memory than nodes do
