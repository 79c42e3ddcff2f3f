// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Model is the oracle and its random writes, for tests that drive whole replicas. It follows
// what was committed, and compares itself with the oracle at each revision.
type Model struct{ h *history }

// Row is what a reader must see of an object: its JSON without a resourceVersion.
type Row struct {
	Text   string
	Labels map[string]string
}

// Tables are all rows of one revision, by resource.
type Tables map[string]map[record.Name]Row

// NewModel returns the model of an empty log.
func NewModel(t testing.TB) *Model {
	return &Model{&history{&edits{&universe{}, t, newJournal()}, newChecker(t)}}
}

// bornPerStep gives each step names of its own, whichever steps are left out.
const bornPerStep = 1000

// Write returns a random transaction, nil if it would change nothing. It depends only on the
// seed, the step and the present records.
func (m *Model) Write(seed uint64, step int) *etcd.Txn {
	h := m.h
	h.Rand, h.born = rand.New(rand.NewPCG(seed, uint64(step))), step*bornPerStep
	txn := &etcd.Txn{Put: map[record.Key][]byte{}}
	switch n := h.IntN(10); {
	case n < 3:
		txn = h.raw()
	case n < 5:
		h.fact(txn)
		h.withoutNothing(txn)
	case n < 6:
		txn = h.promote()
	default:
		_, txn = h.some()
	}
	if txn == nil {
		return nil
	}
	txn.Delete = slices.DeleteFunc(txn.Delete, func(key record.Key) bool {
		_, there := h.j.records[key]
		return !there
	})
	if len(txn.Put)+len(txn.Delete) == 0 {
		return nil
	}
	return txn
}

// Wrote reports a transaction that was committed, and returns the tables after it.
func (m *Model) Wrote(revision int64, txn *etcd.Txn) Tables {
	h := m.h
	h.j.revision = revision - 1
	h.must(h.commit(txn), "etcd took a transaction whose guards do not hold")
	want := h.answer(h.j.records)
	h.state(h.j.state, h.j.view, h.j.records, want)
	h.changes(h.j)
	tables := Tables{}
	for _, resource := range allResources {
		tables[resource] = map[record.Name]Row{}
		for item := range h.j.view.All(resource, record.Name{}) {
			tables[resource][item.Name()] = Row{h.text(item), item.Labels()}
		}
	}
	return tables
}

// Text returns an object as a Row has it.
func (m *Model) Text(object record.APIObject) string { return asJSON(m.h.edits.t, object) }
