// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// sync gives one BundleDeployment what it needs, counts what changed, and says what is in
// the way.
func (d *Downstream) sync(ctx context.Context, name record.Name) error {
	v, err := d.Engine.Current()
	if err != nil {
		return err
	}
	d.obstacles.forgetUnless(v, name)
	bd, _ := v.Get(record.BundleDeployments, name).(*view.BundleDeployment)
	if bd == nil {
		return d.forget(ctx, name)
	}
	n := needOf(bd)
	if n == nil {
		return d.forgetObstacle(ctx, name)
	}
	// What cannot be copied takes nothing else with it.
	var failures error
	obstacles := slices.Clone(n.impossible)
	note := func(err error) {
		var o obstacle
		if errors.As(err, &o) {
			obstacles = append(obstacles, string(o))
			return
		}
		failures = errors.Join(failures, err)
	}
	digest := newDigest()
	for _, r := range n.named {
		data, err := d.ensure(ctx, r, n, bd, "")
		note(err)
		digest.add(r, data)
	}
	for _, r := range n.access {
		_, err := d.ensure(ctx, r, n, bd, n.accessType)
		note(err)
	}
	text := summary(obstacles)
	note(d.record(ctx, name, n, digest, text, failures == nil))
	d.obstacles.tell(name, text)
	return failures
}

// record makes the record of a BundleDeployment's copies say what is in the way of them,
// and lets the count grow if copies are others than when it last grew. That comes last:
// an agent that sees the count finds the copies. Of a turn that failed, in which not all
// is known, only what is new is noted.
func (d *Downstream) record(ctx context.Context, name record.Name, n *need, digest *digest, obstacle string, sure bool) error {
	have, revision, err := d.Engine.CountOf(name)
	if err != nil {
		return err
	}
	next := record.Downstream{UID: n.uid, Generation: have.Generation, Obstacle: obstacle}
	if have.UID == n.uid {
		next.Digest = have.Digest
		if obstacle == "" && !sure {
			next.Obstacle = have.Obstacle
		}
	}
	sum, any := digest.sum()
	if len(n.named) > 0 && next.Digest != sum && (next.Digest != "" || any) {
		// A count of an earlier BundleDeployment is dead, but goes on: no agent may see a
		// number twice.
		next.Generation, next.Digest = have.Generation+1, sum
	}
	if next == have || have.UID != n.uid && next.Digest == "" && next.Obstacle == "" {
		return nil
	}
	return d.put(ctx, name, next, revision)
}

// forgetObstacle takes back what was said of a BundleDeployment that needs nothing now.
func (d *Downstream) forgetObstacle(ctx context.Context, name record.Name) error {
	d.obstacles.tell(name, "")
	have, revision, err := d.Engine.CountOf(name)
	if err != nil || have.Obstacle == "" {
		return err
	}
	have.Obstacle = ""
	return d.put(ctx, name, have, revision)
}

func (d *Downstream) put(ctx context.Context, name record.Name, next record.Downstream, revision int64) error {
	data, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode the record of copies of %s: %w", name, err)
	}
	key := record.DownstreamKey(name)
	return d.commit(ctx, etcd.Txn{Unchanged: map[record.Key]int64{key: revision}, Put: map[record.Key][]byte{key: data}})
}

// forget removes the count of a BundleDeployment that is gone.
func (d *Downstream) forget(ctx context.Context, name record.Name) error {
	_, revision, err := d.Engine.CountOf(name)
	if err != nil || revision == 0 {
		return err
	}
	v, err := d.Engine.Barrier(ctx)
	if err != nil {
		return err
	}
	if v.Get(record.BundleDeployments, name) != nil {
		return errAgain
	}
	key := record.DownstreamKey(name)
	return d.commit(ctx, etcd.Txn{Unchanged: map[record.Key]int64{key: revision}, Delete: []record.Key{key}})
}

func (d *Downstream) commit(ctx context.Context, txn etcd.Txn) error {
	_, ok, err := d.Log.Commit(ctx, txn)
	if err != nil {
		return err
	}
	if !ok {
		if _, err := d.Engine.Barrier(ctx); err != nil {
			return err
		}
		return errAgain
	}
	return nil
}
