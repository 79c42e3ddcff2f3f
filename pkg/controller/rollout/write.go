// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// Limits of one transaction, beside etcd.MaxGuards: etcd takes 1.5 MiB.
const (
	maxBatch   = 64
	batchBytes = 512 << 10
)

// put adds decisions to a transaction, as many as fit, and at least one.
func put(txn *etcd.Txn, in rollout.Input, decisions []rollout.Decision, batch int) error {
	for i, d := range decisions {
		if i > 0 && (i >= batch || len(txn.Unchanged)+len(txn.NotAfter)+2 > etcd.MaxGuards || txn.Size() > batchBytes) {
			break
		}
		t := &in.Targets[d.Target]
		promotion := record.Promotion{UID: t.UID, Staged: rollout.Deployment(d.Staged), Promoted: rollout.Deployment(d.Promoted)}
		data, err := promotion.Encode()
		if err != nil {
			return fmt.Errorf("promotion of %s: %w", t.Key, err)
		}
		key := record.PromotionKey(t.Key)
		txn.Put[key] = data
		txn.Unchanged[key] = t.RecordRevision
		if d.Unavailable {
			txn.NotAfter[record.ReportKey(record.BundleDeployments, t.Key)] = in.Revision
		}
	}
	return nil
}

// dropBase replaces the rollout record by one without a base. A Cluster that is targeted for the
// first time meanwhile would get its BundleDeployment from the base, and lose it. So an edit that
// makes a Cluster a target writes the Bundle's guard (Input.Guards); other edits of Clusters,
// which may come all the time, cause no conflict. No guard is written when another Bundle gives
// up a name, so the Bundles that hold such names must not change. If they are too many to guard
// each, no Cluster and no Bundle may change at all.
func dropBase(txn *etcd.Txn, in rollout.Input) error {
	data, err := json.Marshal(record.Rollout{UID: in.UID})
	if err != nil {
		return fmt.Errorf("rollout record of %s: %w", in.Bundle, err)
	}
	key := record.RolloutKey(in.Bundle)
	txn.Put[key] = record.Pack(data)
	txn.Unchanged[key] = in.RecordRevision
	if len(txn.Unchanged)+len(in.Contested) <= etcd.MaxGuards {
		maps.Copy(txn.Unchanged, in.Contested)
		return nil
	}
	for _, resource := range []string{record.Clusters, record.Bundles} {
		txn.UnchangedSince = append(txn.UnchangedSince, etcd.RangeGuard{Resource: resource, Revision: in.Revision, Deletions: true})
	}
	return nil
}

// sweep removes records that hold nothing back any more: first promotions, then the rollout
// record, by which Rollouts finds them. It reports whether there are any.
func sweep(txn *etcd.Txn, in rollout.Input, batch int) bool {
	held := in.Limited || in.Paused
	for i := range in.Targets {
		t := &in.Targets[i]
		held = held || t.Held
		if t.Held || !t.Recorded || len(txn.Delete) >= batch {
			continue
		}
		key := record.PromotionKey(t.Key)
		txn.Delete = append(txn.Delete, key)
		txn.Unchanged[key] = t.RecordRevision
	}
	if len(txn.Delete) > 0 {
		return true
	}
	if in.RecordRevision == 0 || (in.Recorded && held) {
		return false
	}
	key, guard := record.RolloutKey(in.Bundle), record.RolloutGuardKey(in.Bundle)
	txn.Delete = append(txn.Delete, key)
	txn.Unchanged[key] = in.RecordRevision
	if !held && txn.Unchanged[guard] != 0 {
		txn.Delete = append(txn.Delete, guard)
	}
	return true
}
