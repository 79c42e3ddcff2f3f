// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

const (
	// maxKept bounds how many promotion records of pairs that are held one write
	// carries, and one step that goes before it: each takes a guard for itself and in
	// a step another for its Cluster, and etcd takes 128 in a transaction by default.
	maxKept = 50
	// keptBytes is how much they may weigh.
	keptBytes = 256 << 10
	// maxStale is how many stale promotion records a write removes.
	maxStale = 500
	// maxStep is how many promotion records go before a write at once, each with two
	// guards. From 41 on they would be nested, and etcd counts what is nested against
	// the 128 that the guards leave.
	maxStep = 40
)

// writePromotions puts promotion records into the plan. Where there are too many for
// one transaction, those that change nothing by themselves go before it, in steps;
// then the write is to be planned anew, and finds them there.
func (t *trial) writePromotions() error {
	data := make(map[claim][]byte, len(t.holding.promotions))
	var neutral []claim
	weight := 0
	for c, p := range t.holding.promotions {
		if _, ended := t.ended[c]; ended {
			continue // its records go
		}
		encoded, err := encodePromotion(c, p.held)
		if err != nil {
			return err
		}
		data[c] = encoded
		delete(t.holding.stale, record.PromotionKey(c.key()))
		if p.neutral {
			neutral = append(neutral, c)
			weight += len(encoded)
		}
	}
	for c := range t.ended {
		if t.promotionOf(c) != nil {
			delete(t.holding.stale, record.PromotionKey(c.key())) // it goes anyway
		}
	}
	stale := slices.SortedFunc(maps.Keys(t.holding.stale), func(a, b record.Key) int { return a.Name.Compare(b.Name) })
	if len(neutral) > maxKept || weight > keptBytes || len(stale) > maxStale {
		t.plan.First = append(t.staleSteps(stale), t.promotionSteps(neutral, data)...)
		return nil
	}
	t.plan.Delete = append(t.plan.Delete, stale...)
	for c, encoded := range data {
		key := record.PromotionKey(c.key())
		t.plan.Put[key] = encoded
		if t.holding.promotions[c].neutral {
			t.plan.Unchanged[key] = t.revisionOfPromotion(c)
		}
	}
	return nil
}

func (t *trial) revisionOfPromotion(c claim) int64 {
	if p := t.holds.promotions[c.key()]; p != nil {
		return p.revision
	}
	return 0
}

// promotionSteps record what pairs show. That holds while the versions, the Bundle's
// records and the Clusters are what they are.
func (t *trial) promotionSteps(claims []claim, data map[claim][]byte) []etcd.Txn {
	slices.SortFunc(claims, claim.compare)
	var steps []etcd.Txn
	var step *etcd.Txn
	for _, c := range claims {
		if step == nil || len(step.Put) >= maxStep || step.Size() > keptBytes {
			steps = append(steps, etcd.Txn{Unchanged: map[record.Key]int64{}, Put: map[record.Key][]byte{}})
			step = &steps[len(steps)-1]
		}
		maps.Copy(step.Unchanged, t.rolloutGuards(c.bundle))
		step.Unchanged[record.ObjectKey(record.Clusters, c.cluster.name)] = t.object(record.Clusters, c.cluster.name).RecordRevision
		key := record.PromotionKey(c.key())
		step.Unchanged[key] = t.revisionOfPromotion(c)
		step.Put[key] = data[c]
	}
	return steps
}

// staleSteps remove promotion records that rule nothing.
func (t *trial) staleSteps(keys []record.Key) []etcd.Txn {
	var steps []etcd.Txn
	for chunk := range slices.Chunk(keys, maxKept) {
		step := etcd.Txn{Unchanged: map[record.Key]int64{}, Delete: chunk}
		for _, key := range chunk {
			step.Unchanged[key] = t.holds.promotions[key.Name].revision
		}
		steps = append(steps, step)
	}
	return steps
}
