// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"iter"

	"github.com/google/btree"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// tables has a table for each resource of which there was an object.
type tables map[string]table

// table is an ordered map from names to items.
type table interface {
	get(name record.Name) Item
	// put and remove return the item that was there before, or nil.
	put(next Item) (prev Item)
	remove(name record.Name) (prev Item)
	len() int
	// from iterates in order, from a name on.
	from(name record.Name) iter.Seq[Item]
	// clone returns a copy that later writes of either leave alone. It costs nothing:
	// B-trees are copied where they are written.
	clone() table
	// pack makes the table as small as it can be.
	pack()
}

// degree of the B-trees: wide nodes make scans fast, and copying a path on write
// dear. Each revision that is held keeps its paths, so history weighs more than
// scans do (BenchmarkReport): with 32, a report on one of 100,000 BundleDeployments
// holds 1.6 times the bytes.
const degree = 8

func newTable(resource string) table {
	if resource == record.BundleDeployments {
		return newPairs()
	}
	return &objects{btree.NewG(degree, lessByName)}
}

// of returns the table of a resource, an empty one if there is none.
func (t tables) of(resource string) table {
	if have, ok := t[resource]; ok {
		return have
	}
	return none
}

var none table = &objects{btree.NewG(degree, lessByName)}

// objects is the table of a resource that is stored.
type objects struct{ tree *btree.BTreeG[Item] }

func lessByName(a, b Item) bool { return a.Name().Compare(b.Name()) < 0 }

// probe stands for a name in a search.
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

func (t *objects) pack() {} // the objects themselves are what takes memory
