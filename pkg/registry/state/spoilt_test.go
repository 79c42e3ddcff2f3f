// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// TestUndecodableRecordsRemoveNoBundleDeployment damages records. Neither at a load nor later
// does a view that calls itself whole show other BundleDeployments than the earlier records
// meant. When the records are restored, no trace remains.
func TestUndecodableRecordsRemoveNoBundleDeployment(t *testing.T) {
	t.Parallel()
	inHistories(t, map[string]int{"whole": 5, "not whole, loaded": 5}, func(h *history, seen map[string]int) {
		for range editsOfEach / 10 {
			h.must(h.commit(h.raw()), "a transaction without guards was refused")
			h.check()
			spoilt, want, when := h.spoilt(), h.specs(), ""
			if len(spoilt) == 0 || !h.oneIn(4) {
				continue
			}
			if h.oneIn(2) {
				when = ", loaded"
				h.loadWith(spoilt)
			} else {
				h.write(spoilt)
			}
			if h.j.view.Whole == view.Never {
				seen["not whole"+when]++
			} else {
				seen["whole"+when]++
				require.Equal(h.edits.t, want, h.specs(), "spoilt%s: %q", when, spoilt)
			}
			good := map[record.Key][]byte{}
			for key := range spoilt {
				h.j.records[key] = entryOf{h.j.records[key].value, h.j.revision + 1}
				good[key] = []byte(h.j.records[key].value)
			}
			h.write(good)
			u := &h.j.state.undecodable
			unread, _ := u.Unread()
			h.must(u.Len()+u.Missing()+len(unread) == 0 && h.j.view.Whole != view.Never, "%d records are passed over that can be decoded", u.Len())
			h.state(h.j.state, h.j.view, h.j.records, h.answer(h.j.records))
			h.refold()
		}
	})
}

// spoilt returns some of the records, damaged so that they cannot be decoded.
func (h *history) spoilt() map[record.Key][]byte {
	keys := slices.SortedFunc(maps.Keys(h.j.records), compareKeys)
	out := map[record.Key][]byte{}
	for range min(1+h.IntN(3), len(keys)) {
		key := keys[h.IntN(len(keys))]
		if key.Type == record.TypeGuard {
			continue // an empty record says nothing
		}
		out[key] = []byte(pick(h.universe, "", "#", `{"object":{}}#`))
		if within := spoiltWithin(h.edits.t, h.j.records[key].value); within != nil && h.oneIn(2) {
			out[key] = within
		}
	}
	return out
}

// spoiltWithin returns a record in which only the Bundle that it holds cannot be decoded; nil
// if it holds none.
func spoiltWithin(t testing.TB, value string) []byte {
	var members map[string]json.RawMessage
	if text, err := record.Text([]byte(value)); err != nil || json.Unmarshal(text, &members) != nil {
		return nil
	}
	for _, member := range []string{"lastGood", "base"} {
		if members[member] != nil {
			members[member] = json.RawMessage(`{"object":{"metadata":5}}`)
			out, err := json.Marshal(members)
			require.NoError(t, err)
			return out
		}
	}
	return nil
}

// write applies a revision without adding it to the journal's records.
func (h *history) write(values map[record.Key][]byte) {
	h.j.revision++
	batch := etcd.Batch{Revision: h.j.revision}
	for key, value := range values {
		batch.Records = append(batch.Records, etcd.Record{Key: key, Value: value, Revision: batch.Revision})
	}
	h.j.state.apply(batch)
	h.j.view = h.j.state.builder.Next(batch.Revision)
}

// loadWith continues with a state that was made from the records at once, with some of them
// replaced.
func (h *history) loadWith(values map[record.Key][]byte) {
	h.j.revision++
	all := NewLoaded(h.j.revision)
	for key, e := range h.j.records {
		r := etcd.Record{Key: key, Value: []byte(e.value), Revision: e.revision}
		if value, ok := values[key]; ok {
			r.Value, r.Revision = value, all.Revision
		}
		all.Add(r)
	}
	all.Decode()
	s := New(testLimits, nil, nil)
	s.undecodable.Loading = true
	s.begin(all)
	s.undecodable.Loading = false
	h.j.adopt(s)
	h.j.view = s.builder.Load(all.Revision)
}

// specs returns the BundleDeployments without what was reported on them.
func (h *history) specs() map[record.Name]string {
	out := map[record.Name]string{}
	for item := range h.j.view.All(record.BundleDeployments, record.Name{}) {
		bd := *item.Render().(*v1alpha1.BundleDeployment)
		bd.ResourceVersion, bd.Status, bd.ManagedFields = "", v1alpha1.BundleDeploymentStatus{}, nil
		out[item.Name()] = asJSON(h.edits.t, &bd)
	}
	return out
}

// refold makes the checker continue from the present view.
func (h *history) refold() {
	h.upTo = h.j.revision
	for _, resource := range allResources {
		h.folded[resource] = map[record.Name]view.Item{}
		for item := range h.j.view.All(resource, record.Name{}) {
			h.folded[resource][item.Name()] = item
		}
	}
}

// TestAPartlyUndecodableWriteRemovesNoBundleDeployment damages a part of a write. The write of
// a newer version can look like that. A BundleDeployment that existed and should exist does
// exist, or the view says that it is not whole. When all records can be decoded again, no
// trace remains.
func TestAPartlyUndecodableWriteRemovesNoBundleDeployment(t *testing.T) {
	t.Parallel()
	inHistories(t, map[string]int{"whole": 5, "not whole": 0}, func(h *history, seen map[string]int) {
		for range editsOfEach / 10 {
			_, txn := h.some()
			if txn == nil || !h.j.holds(txn) {
				continue
			}
			before, last := h.specs(), maps.Clone(h.j.records)
			batch := map[record.Key][]byte{}
			for _, key := range txn.Delete {
				if _, ok := last[key]; ok {
					batch[key] = nil
					delete(h.j.records, key)
				}
			}
			good := map[record.Key][]byte{}
			for _, key := range slices.SortedFunc(maps.Keys(txn.Put), compareKeys) {
				batch[key] = txn.Put[key]
				h.j.records[key] = entryOf{string(txn.Put[key]), h.j.revision + 1}
				if key.Type != record.TypeGuard && h.oneIn(2) {
					batch[key], good[key] = []byte("#"), txn.Put[key]
				}
			}
			if len(batch) == 0 {
				continue
			}
			h.write(batch)
			after, want := h.specs(), h.answer(h.j.records)
			if len(good) > 0 {
				if h.j.view.Whole == view.Never {
					seen["not whole"]++
				} else {
					seen["whole"]++
					for name := range before {
						if _, ok := want.deployments[name]; ok {
							h.must(after[name] != "", "%s is gone: of %q could not be decoded %q", name, batch, good)
						}
					}
				}
				for key := range good {
					h.j.records[key] = entryOf{h.j.records[key].value, h.j.revision + 1}
				}
				h.write(good)
				want = h.answer(h.j.records)
			}
			h.must(h.j.state.undecodable.Len() == 0 && h.j.view.Whole != view.Never, "something is passed over that can be decoded")
			h.state(h.j.state, h.j.view, h.j.records, want)
			h.refold()
		}
	})
}
