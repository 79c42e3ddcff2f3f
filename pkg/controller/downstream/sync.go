// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// sync gives one BundleDeployment what it needs, and counts what changed.
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
		return nil
	}
	// What cannot be copied takes nothing else with it.
	var failures error
	var obstacles []string
	note := func(err error) {
		var o obstacle
		if errors.As(err, &o) {
			obstacles = append(obstacles, string(o))
			return
		}
		failures = errors.Join(failures, err)
	}
	for _, kind := range n.unsupported {
		note(obstacle(fmt.Sprintf("unsupported kind for object to copy to downstream: %q", kind)))
	}
	digest := newDigest()
	for _, r := range n.named {
		data, err := d.ensure(ctx, r, n, bd, "")
		note(err)
		digest.add(r, data)
	}
	for _, r := range n.access {
		_, err := d.ensure(ctx, r, n, bd, accessType(bd))
		note(err)
	}
	if len(n.named) > 0 {
		note(d.count(ctx, name, n, digest))
	}
	d.obstacles.tell(name, strings.Join(obstacles, "; "))
	return failures
}

// count makes the count grow if copies are others than when it last grew. That
// comes last: an agent that sees the count finds the copies.
func (d *Downstream) count(ctx context.Context, name record.Name, n *need, digest *digest) error {
	have, revision, err := d.Engine.CountOf(name)
	if err != nil {
		return err
	}
	sum, any := digest.sum()
	if have.UID == n.uid && have.Digest == sum || have.UID != n.uid && !any {
		return nil
	}
	// One of an earlier BundleDeployment is dead, but goes on: no agent may see a
	// number twice.
	next := record.Downstream{UID: n.uid, Generation: have.Generation + 1, Digest: sum}
	data, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode the count of %s: %w", name, err)
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
