// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// writePromotions puts promotion records into the plan. Where they are too large for one
// transaction, those that change nothing by themselves go before it (fit); then the write
// is to be planned anew, and finds them there.
func (t *trial) writePromotions() error {
	for c, p := range t.holding.promotions {
		if _, ended := t.ended[c]; ended {
			continue // its records go
		}
		encoded, err := encodePromotion(c, p.Outcome)
		if err != nil {
			return err
		}
		key := record.PromotionKey(c.key())
		delete(t.holding.stale, key)
		t.plan.Put[key] = encoded
		if p.neutral {
			t.plan.Unchanged[key] = t.revisionOfPromotion(c)
			t.early.promotion(key, c)
		}
	}
	for c := range t.ended {
		if t.promotionOf(c) != nil {
			delete(t.holding.stale, record.PromotionKey(c.key())) // it goes anyway
		}
	}
	t.plan.Delete = slices.AppendSeq(t.plan.Delete, maps.Keys(t.holding.stale))
	return nil
}

func (t *trial) revisionOfPromotion(c claim) int64 {
	if p := t.holds.promotions[c.key()]; p != nil {
		return p.revision
	}
	return 0
}
