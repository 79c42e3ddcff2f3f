// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// deleteRecords deletes the promotions of the BundleDeployments that end with the write, and
// the reports on them: a later BundleDeployment with such a name is a new one, and starts
// without them. The first report may be committed between this plan and its write, so the
// keys of missing reports are deleted too. The records that are known to exist come first.
// room is in bytes and fits some 7,000 records; the sweep removes the rest.
//
// Where another claim has the name, a missing report is not one of the ended claim, and a
// promotion that is written for the other claim replaces the old one.
func (t *trial) deleteRecords(room int) {
	var promoted, reported, silent []record.Key
	for c := range t.ended {
		key := c.key()
		if key.Namespace == "" {
			continue
		}
		if _, replaced := t.plan.Put[record.PromotionKey(key)]; !replaced && t.promotionOf(c) != nil {
			promoted = append(promoted, record.PromotionKey(key))
		}
		have := t.deployment(key)
		switch r := t.reportOf(key, have); {
		case r == nil && have != nil && !c.holds(have):
		case r == nil:
			silent = append(silent, record.ReportKey(record.BundleDeployments, key))
		case r.On(c.identity()):
			reported = append(reported, record.ReportKey(record.BundleDeployments, key))
		}
	}
	fits := max(0, room-t.plan.Size()) / etcd.KeySize
	all := slices.Concat(promoted, reported, silent)
	t.plan.Delete = append(t.plan.Delete, all[:min(len(all), fits)]...)
}

// writePromotions puts promotion records into the plan. If they are too large for one
// transaction, those that change nothing by themselves are written before the write (fit).
// The write is then planned anew, and finds them.
func (t *trial) writePromotions() error {
	for c, p := range t.holding.promotions {
		if _, ended := t.ended[c]; ended {
			continue // its records are deleted
		}
		encoded, err := encodePromotion(c, p.Outcome)
		if err != nil {
			return err
		}
		key := record.PromotionKey(c.key())
		delete(t.holding.stale, key)
		t.plan.Put[key] = encoded
		if p.neutral {
			t.plan.Unchanged[key] = t.revisionOfPromotion(c.key())
			t.early.promotions[key] = c
		}
	}
	for c := range t.ended {
		if t.promotionOf(c) != nil {
			delete(t.holding.stale, record.PromotionKey(c.key())) // it is deleted anyway
		}
	}
	t.plan.Delete = slices.AppendSeq(t.plan.Delete, maps.Keys(t.holding.stale))
	return nil
}

// revisionOfPromotion returns the revision of a promotion record, 0 if it does not exist.
func (s *State) revisionOfPromotion(name record.Name) int64 {
	if p := s.holds.promotions[name]; p != nil {
		return p.revision
	}
	return 0
}
