// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/invariants"
	"github.com/musterfleet/muster/pkg/registry/audit"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/replay"
)

// histories is the number of independent histories, which run in parallel. Under the race
// detector each takes many times as long.
var histories = 8

func init() {
	if invariants.Enabled {
		histories = 1
	}
}

const (
	// editsOfEach is the number of revisions of one history.
	editsOfEach = 2000
	// restartsEach is the average number of revisions after which a state is built anew.
	restartsEach = 25
)

// history is a journal under random writes. It is checked after each write.
type history struct {
	*edits
	*checker
}

func newHistory(t *testing.T, r *rand.Rand) *history {
	j := newJournal()
	if r.IntN(2) == 0 {
		j.exactGuards = 1 + r.IntN(3) // most plans guard ranges
		j.adopt(j.state)
	}
	return &history{&edits{&universe{Rand: r}, t, j}, newChecker(t)}
}

// commit writes a transaction. It reports false if a guard does not hold.
func (h *history) commit(txn *etcd.Txn) bool {
	for _, key := range txn.Delete {
		h.must(txn.Put[key] == nil, "etcd refuses a transaction that writes and deletes one key: %s", key.Path())
	}
	if h.j.holds(txn) {
		h.note(h.j, txn)
	}
	return h.j.commit(h.Rand, txn)
}

// check compares everything after a revision, and returns what the records mean.
func (h *history) check() *answer {
	want := h.answer(h.j.records)
	h.state(h.j.state, h.j.view, h.j.records, want)
	h.changes(h.j)
	if h.oneIn(restartsEach) {
		h.restart(want)
	}
	return want
}

// restart makes a state from the present records. It checks that only resourceVersions
// distinguish it from the state that followed all revisions. Half of the time the history
// continues with the new state.
func (h *history) restart(want *answer) {
	h.audited()
	s, v := h.j.loaded(h.Rand)
	h.state(s, v, h.j.records, want)
	folded := map[string]map[record.Name]view.Item{}
	for _, resource := range allResources {
		folded[resource] = map[record.Name]view.Item{}
		h.must(v.Len(resource) == h.j.view.Len(resource), "after a restart there are %d %s instead of %d", v.Len(resource), resource, h.j.view.Len(resource))
		for item := range v.All(resource, record.Name{}) {
			folded[resource][item.Name()] = item
			before := h.j.view.Get(resource, item.Name())
			h.must(before != nil && h.text(before) == h.text(item), "a restart changed %s %s to\n%s", resource, item.Name(), h.text(item))
			h.must(item.Version() >= before.Version(), "a restart took %s %s back to %s", resource, item.Name(), item.Version())
		}
	}
	for name, b := range s.bundles {
		was, is := h.j.state.inForce(h.j.state.bundles[name]), s.inForce(b)
		h.must((was == nil) == (is == nil), "after a restart another version of %s is in force", name)
		h.must(was == nil || was.bundle.Generation == is.bundle.Generation, "after a restart another version of %s is in force", name)
	}
	if h.oneIn(2) {
		h.j.adopt(s)
		h.j.view, h.folded = v, folded
	}
}

// end deletes everything, and checks that nothing remains.
func (h *history) end() {
	for len(h.j.records) > 0 {
		txn := &etcd.Txn{}
		for key := range h.j.records {
			if len(txn.Delete) == 0 || !h.oneIn(3) {
				txn.Delete = append(txn.Delete, key)
			}
		}
		h.must(h.commit(txn), "a transaction without guards was refused")
		h.check()
	}
	s := h.j.state
	h.must(s.index.clusters.Empty() && s.index.entries.Empty() && s.index.groupEntries.Empty() && s.index.groups.Empty() && len(s.index.readers) == 0, "an index is not empty at the end")
	h.must(len(s.clusters)+len(s.groups)+len(s.bundles)+len(s.hidden.byName)+len(s.bundlePins)+len(s.clusterPins)+len(s.contested)+len(s.holders)+s.holds.crowded+len(s.mirrors.values)+len(s.mirrors.downstream)+len(s.mirrors.obstructed)+len(s.holds.promotions)+len(s.holds.promoted)+len(s.holds.rollouts)+len(s.holds.paused)+len(s.holds.partitioned)+len(s.holds.named)+len(s.holds.placed) == 0 && s.ledger.Empty(), "the state is not empty at the end")
	for name, ns := range s.byNamespace {
		h.must(len(ns.bundles)+len(ns.clusters)+len(ns.mappings) == 0, "the namespace %s is not empty at the end", name)
	}
}

// inHistories runs histories in parallel. Together they must have seen enough at the end; a
// single one may miss rare cases. enough is the average for one history.
func inHistories(t *testing.T, enough map[string]int, run func(h *history, seen map[string]int)) {
	r := replay.Rand(t)
	var all struct {
		sync.Mutex
		histories int
		seen      map[string]int
	}
	all.seen = map[string]int{}
	t.Cleanup(func() {
		for what, n := range enough {
			if all.histories > 1 && !t.Failed() {
				assert.Greater(t, all.seen[what], n*all.histories, "the test no longer sees %s: %v", what, all.seen)
			}
		}
	})
	for i := range histories {
		seed := r.Uint64()
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			seen := map[string]int{}
			run(newHistory(t, rand.New(rand.NewPCG(seed, uint64(i)))), seen)
			all.Lock()
			defer all.Unlock()
			all.histories++
			for what, n := range seen {
				all.seen[what] += n
			}
		})
	}
}

// TestStateIsAFunctionOfTheRecords writes records without a plan: several at once, in any
// order, objects that are replaced by others with their names, and pins of anything.
func TestStateIsAFunctionOfTheRecords(t *testing.T) {
	t.Parallel()
	enough := map[string]int{}
	for _, what := range []string{"deployments", "failures", "pending", "contested", "waiting", "ending", "barred", "recorded"} {
		enough[what] = editsOfEach / 20
	}
	inHistories(t, enough, func(h *history, seen map[string]int) {
		for range editsOfEach {
			h.must(h.commit(h.raw()), "a transaction without guards was refused")
			h.count(seen, h.check())
		}
		h.end()
	})
}

// count counts the cases that a history meets.
func (h *history) count(seen map[string]int, a *answer) {
	seen["deployments"] += len(a.deployments)
	seen["contested"] += len(h.j.state.contested)
	for key := range h.j.state.contested {
		if h.j.state.recordedHolder(key) != "" {
			seen["recorded"]++
		}
	}
	seen["promoted"] += len(h.j.state.holds.promotions)
	for _, s := range a.deployments {
		if s.contents.promoted.DeploymentID != s.content.DeploymentID {
			seen["held"]++
		}
	}
	for _, c := range h.j.state.clusters {
		if ending(c.object) {
			seen["ending"]++
		}
		if c.barred != "" && len(c.pairs) > 0 {
			seen["barred"]++
		}
	}
	for _, b := range a.bundles {
		if ending(b.newest.bundle) {
			seen["ending"]++
		}
		if b.failure != "" {
			seen["failures"]++
		}
		if b.pending && !b.works && b.lastGood != nil {
			seen["pending"]++
		}
		if b.newest.waits != "" {
			seen["waiting"]++
		}
		if b.newest.waits == "" && b.newest.bundle.Spec.ValuesHash != "" && len(b.pairs) > 0 {
			seen["mirrored"]++
		}
		for _, p := range b.pairs {
			if p.failure != "" && p.content != nil {
				seen["pinned"]++
			}
		}
	}
}

// TestPlansKeepWhatWorked writes as the store does, with the engine's plan. At every step it
// checks what pkg/registry/doc.go says of failure and pins. Sometimes two writes are planned
// on the same state and committed one after the other.
func TestPlansKeepWhatWorked(t *testing.T) {
	t.Parallel()
	enough := map[string]int{"passed": editsOfEach / 400, "passed late": editsOfEach / 400}
	for _, what := range []string{"deployments", "failures", "pending", "pinned", "raced", "refused", "waiting", "mirrored", "held", "promoted", "ending", "barred", "contested", "recorded"} {
		enough[what] = editsOfEach / 250
	}
	inHistories(t, enough, func(h *history, seen map[string]int) {
		before := h.check()
		for range editsOfEach {
			if h.oneIn(3) {
				txn := &etcd.Txn{Put: map[record.Key][]byte{}}
				h.fact(txn)
				h.withoutNothing(txn)
				h.commit(txn)
				before = h.check()
				h.count(seen, before)
				continue
			}
			pass := h.promote()
			if pass != nil && h.oneIn(2) {
				h.must(h.commit(pass), "the guards of a fresh pass do not hold")
				pass, before = nil, h.check()
				seen["passed"]++
			}
			p, txn := h.some()
			if txn != nil && h.oneIn(4) {
				if first, other := h.some(); other != nil {
					before = h.step(first, other, before)
					seen["raced"]++
				}
			}
			if txn == nil {
				continue
			}
			if !h.j.holds(txn) {
				seen["refused"]++
				continue
			}
			before = h.step(p, txn, before)
			h.count(seen, before)
			if pass != nil && h.commit(pass) {
				before = h.check()
				seen["passed late"]++
			}
		}
		h.end()
	})
}

// some returns a random planned write, nil if it would change nothing.
func (h *history) some() (Proposal, *etcd.Txn) {
	if h.oneIn(5) {
		return h.mirrored()
	}
	p := h.proposal()
	return p, h.planned(p)
}

// planned returns the transaction of a proposal, nil if it would change nothing.
func (h *history) planned(p Proposal) *etcd.Txn {
	have, ok := h.j.records[record.ObjectKey(p.Resource, p.Name)]
	if p.Object == nil && !ok {
		return nil
	}
	if p.Object != nil {
		data, err := p.Object.Encode()
		require.NoError(h.edits.t, err)
		if ok && have.value == string(data) {
			return nil
		}
	}
	return h.j.write(h.edits.t, p)
}

// step commits a planned write, and checks what the write had to keep.
func (h *history) step(p Proposal, txn *etcd.Txn, before *answer) *answer {
	h.must(h.commit(txn), "the guards of a fresh plan do not hold")
	after := h.check()
	h.kept(p, before, after)
	h.leak(p, before, after)
	return after
}

// audited audits a random share, which must find nothing.
func (h *history) audited() {
	of := uint32(1 + h.IntN(3))
	s := audit.Share{Turn: uint32(h.IntN(int(of))), Of: of}
	all := NewLoaded(h.j.revision)
	for _, key := range slices.SortedFunc(maps.Keys(h.j.records), compareKeys) {
		e := h.j.records[key]
		if r := (etcd.Record{Key: key, Value: []byte(e.value), Revision: e.revision}); s.Needs(&r) {
			all.Add(r)
		}
	}
	all.Decode()
	should, unread := Recomputed(all)
	found, _ := s.Compare(h.j.view, should, func(time.Duration) {})
	h.must(len(found) == 0 && unread == 0, "an audit of share %s found %v", s, found)
}
