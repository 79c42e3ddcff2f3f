// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"fmt"
	"maps"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// outcome is the result of a step.
type outcome int

const (
	// idle means that there is nothing to do until something changes.
	idle outcome = iota
	// committed means that there may be more to do.
	committed
	// conflicted means that something changed meanwhile, so nothing was written.
	conflicted
)

func (r *Rollout) step(ctx context.Context, name record.Name, p *progress) (outcome, error) {
	in, ok, err := r.source.Rollout(name)
	switch {
	case err != nil:
		return idle, err
	case !ok:
		return idle, nil
	}
	txn, err := next(in, p.batch)
	if err != nil {
		// The strategy is invalid. The Bundle's Ready condition says so.
		klog.V(2).InfoS("A roll-out stands still", "bundle", name, "reason", err)
		return idle, nil
	}
	if txn == nil {
		return idle, nil
	}
	revision, done, err := r.log.Commit(ctx, *txn)
	switch {
	case err != nil:
		return idle, fmt.Errorf("commit %d records: %w", len(txn.Put)+len(txn.Delete), err)
	case !done:
		conflicts.Inc()
		return conflicted, nil
	}
	written.Add(float64(len(txn.Put) + len(txn.Delete)))
	p.revision = revision
	return committed, nil
}

// next returns the next transaction; nil if there is nothing to do.
func next(in rollout.Input, batch int) (*etcd.Txn, error) {
	txn := &etcd.Txn{Unchanged: maps.Clone(in.Guards), NotAfter: map[record.Key]int64{}, Put: map[record.Key][]byte{}}
	if txn.Unchanged == nil {
		txn.Unchanged = map[record.Key]int64{}
	}
	if decisions := rollout.Materialize(in); len(decisions) > 0 {
		return txn, put(txn, in, decisions, batch)
	}
	if in.HasBase {
		return txn, dropBase(txn, in)
	}
	result, err := rollout.Pass(in)
	if err != nil {
		return nil, err
	}
	if len(result.Decisions) > 0 {
		return txn, put(txn, in, disruptingFirst(result.Decisions), batch)
	}
	if sweep(txn, in, batch) {
		return txn, nil
	}
	return nil, nil
}

// disruptingFirst orders decisions so that those that count against a limit come first: the
// limit was computed without the BundleDeployments that are created.
func disruptingFirst(decisions []rollout.Decision) []rollout.Decision {
	ordered := make([]rollout.Decision, 0, len(decisions))
	for _, disrupts := range []bool{true, false} {
		for _, d := range decisions {
			if d.Disrupts == disrupts {
				ordered = append(ordered, d)
			}
		}
	}
	return ordered
}
