// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// journal is a log in memory with a state on it: one map, one counter, and guards as etcd
// checks them. A test with a journal needs no etcd, no goroutine and no clock.
type journal struct {
	records  map[record.Key]entryOf
	revision int64
	planner  *Planner
	lock     sync.RWMutex // held for reading while plans read the state
	state    *State
	view     *view.View
	// exactGuards is how many guards a plan may have before it guards ranges; 0 means the
	// default. exact are the guards that plans had before they were coarsened.
	exactGuards int
	exact       map[*etcd.Txn]*etcd.Txn
}

// entryOf is a record in the journal.
type entryOf struct {
	value    string
	revision int64
}

var testLimits = view.Limits{Revisions: 64, Changes: 10_000}

func newJournal() *journal {
	j := &journal{records: map[record.Key]entryOf{}, revision: 1, exact: map[*etcd.Txn]*etcd.Txn{}}
	j.adopt(New(testLimits, nil, nil))
	j.state.apply(etcd.Batch{Revision: 1})
	j.view = j.state.builder.Load(1)
	return j
}

func (j *journal) adopt(s *State) {
	j.state = s
	if j.exactGuards > 0 {
		s.exactGuards = j.exactGuards
	}
	// Its plans put off all templates that they can, so they take several passes.
	j.planner = NewPlanner(func(read func(*State)) error {
		j.lock.RLock()
		defer j.lock.RUnlock()
		read(s)
		return nil
	})
	j.planner.heldFor = -1
	s.planned = &j.planner.planned
}

// holds reports whether the guards of a transaction hold.
func (j *journal) holds(txn *etcd.Txn) bool {
	for key, revision := range txn.Unchanged {
		if j.records[key].revision != revision {
			return false
		}
	}
	for key, revision := range txn.NotAfter {
		if j.records[key].revision > revision {
			return false
		}
	}
	for _, guard := range txn.UnchangedSince {
		for key, e := range j.records {
			if strings.HasPrefix(key.Path(), guard.Prefix()) && e.revision > guard.Revision {
				return false
			}
		}
		if guard.Deletions && j.records[record.RemovalGuardKey(cmp.Or(guard.Type, record.TypeObject), guard.Resource)].revision > guard.Revision {
			return false
		}
	}
	return true
}

// commit writes a transaction and applies it, if its guards hold. The records of one revision
// are in random order.
func (j *journal) commit(r *rand.Rand, txn *etcd.Txn) bool {
	exact := j.exact[txn]
	delete(j.exact, txn)
	if !j.holds(txn) {
		return false
	}
	if exact != nil && !j.holds(exact) {
		panic("guards of ranges hold where those of the records do not")
	}
	j.revision++
	batch := etcd.Batch{Revision: j.revision}
	txn = withRemovals(txn)
	for _, key := range slices.SortedFunc(maps.Keys(txn.Put), compareKeys) {
		j.records[key] = entryOf{string(txn.Put[key]), j.revision}
		batch.Records = append(batch.Records, etcd.Record{Key: key, Value: txn.Put[key], Revision: j.revision})
	}
	for _, key := range txn.Delete {
		if _, ok := j.records[key]; ok {
			delete(j.records, key)
			batch.Records = append(batch.Records, etcd.Record{Key: key, Revision: j.revision})
		}
	}
	if len(batch.Records) == 0 {
		j.revision--
		return true
	}
	if r != nil {
		r.Shuffle(len(batch.Records), func(a, b int) { batch.Records[a], batch.Records[b] = batch.Records[b], batch.Records[a] })
	}
	j.state.apply(batch)
	j.view = j.state.builder.Next(j.revision)
	return true
}

// withRemovals returns a transaction with what the log adds to it.
func withRemovals(txn *etcd.Txn) *etcd.Txn {
	out := *txn
	out.Put = maps.Clone(txn.Put)
	for _, key := range txn.Removals() {
		if out.Put == nil {
			out.Put = map[record.Key][]byte{}
		}
		out.Put[key] = []byte("{}")
	}
	return &out
}

// loaded returns a state that is made of the present records at once, as at a restart.
func (j *journal) loaded(r *rand.Rand) (*State, *view.View) {
	batch := etcd.Batch{Revision: j.revision}
	for _, key := range slices.SortedFunc(maps.Keys(j.records), compareKeys) {
		e := j.records[key]
		batch.Records = append(batch.Records, etcd.Record{Key: key, Value: []byte(e.value), Revision: e.revision})
	}
	if r != nil {
		r.Shuffle(len(batch.Records), func(a, b int) { batch.Records[a], batch.Records[b] = batch.Records[b], batch.Records[a] })
	}
	return loadFleet(batch)
}

func compareKeys(a, b record.Key) int { return strings.Compare(a.Path(), b.Path()) }

// object returns the present object record of a name, nil if none exists.
func (j *journal) object(t testing.TB, resource string, name record.Name) *record.Object {
	e, ok := j.records[record.ObjectKey(resource, name)]
	if !ok {
		return nil
	}
	out, err := record.DecodeObject(resource, []byte(e.value))
	require.NoError(t, err)
	return out
}

// write returns the transaction of one object, as the store makes it: it guards what it
// overwrites, and the engine's plan completes it.
func (j *journal) write(t testing.TB, p Proposal) *etcd.Txn {
	txn := j.unplanned(t, p)
	plan, err := j.planner.Plan(context.Background(), p)
	require.NoError(t, err)
	exact := &etcd.Txn{Unchanged: maps.Clone(txn.Unchanged), UnchangedSince: plan.exact.since}
	maps.Copy(exact.Unchanged, plan.exact.unchanged)
	j.exact[txn] = exact
	maps.Copy(txn.Unchanged, plan.Unchanged)
	maps.Copy(txn.Put, plan.Put)
	txn.UnchangedSince = plan.UnchangedSince
	txn.Delete = append(txn.Delete, plan.Delete...)
	for _, key := range txn.Delete {
		require.NotContains(t, txn.Put, key, "a transaction that writes and deletes one key is refused by etcd")
	}
	requireFits(t, txn)
	return txn
}

// requireFits checks that etcd with its defaults takes a transaction.
func requireFits(t testing.TB, txn *etcd.Txn) {
	t.Helper()
	n, err := etcd.New(nil, "/muster").Operations(t.Context(), *txn)
	require.NoError(t, err)
	require.LessOrEqual(t, n, etcd.MaxOperations)
	require.LessOrEqual(t, txn.Size(), etcd.MaxSize)
}

// unplanned returns the same transaction without the engine's plan.
func (j *journal) unplanned(t testing.TB, p Proposal) *etcd.Txn {
	key := record.ObjectKey(p.Resource, p.Name)
	txn := &etcd.Txn{Unchanged: map[record.Key]int64{key: j.records[key].revision}, Put: map[record.Key][]byte{}}
	if p.Object == nil {
		txn.Delete = []record.Key{key, record.ReportKey(p.Resource, p.Name)}
		return txn
	}
	data, err := p.Object.Encode()
	require.NoError(t, err)
	txn.Put[key] = data
	return txn
}
