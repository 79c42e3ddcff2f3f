// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// sync makes the copies that one BundleDeployment needs, and records which are held and
// which obstacles exist.
func (d *Downstream) sync(ctx context.Context, name record.Name) error {
	v, err := d.Engine.Current()
	if err != nil {
		return err
	}
	bd, _ := v.Get(record.BundleDeployments, name).(*view.BundleDeployment)
	if bd == nil {
		d.obstacles.log(name, "")
		return d.forget(ctx, name)
	}
	n := needOf(bd)
	if n == nil {
		return d.forgetHeld(ctx, name)
	}
	// One resource that cannot be copied keeps no other from being copied.
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
	digest := &digest{}
	var held []string
	ensure := func(r resource, asType string) *copied {
		data, err := d.ensure(ctx, r, n, bd, asType)
		note(err)
		if data != nil {
			held = append(held, string(derive.CopyOf(r.kind, r.name.Name)))
		}
		return data
	}
	for _, r := range n.named {
		digest.add(r, ensure(r, ""))
	}
	for _, r := range n.access {
		ensure(r, n.accessType)
	}
	text := summary(obstacles)
	note(d.record(ctx, name, n, digest, record.Downstream{UID: n.uid, Held: held, Obstacle: text}, failures == nil))
	d.obstacles.log(name, text)
	return failures
}

// record writes the record of a BundleDeployment's copies, if it changes: what is held, which
// obstacles exist, and a larger count if copies changed since it last grew. It is written
// after the copies, so that an agent that sees the record finds them. If the turn failed, sure
// is false: then not all is known, and a copy that was held and is still needed counts as
// held.
func (d *Downstream) record(ctx context.Context, name record.Name, n *need, digest *digest, next record.Downstream, sure bool) error {
	have, revision, err := d.Engine.CopiesOf(name)
	if err != nil {
		return err
	}
	// The count continues after an earlier BundleDeployment of the same name: no agent may
	// see a number twice.
	next.Generation = have.Generation
	if have.UID == n.uid {
		next.Digest = have.Digest
		if !sure {
			next.Obstacle = cmp.Or(next.Obstacle, have.Obstacle)
			next.Held = append(next.Held, slices.DeleteFunc(slices.Clone(have.Held), n.lacks)...)
		}
	}
	slices.Sort(next.Held)
	next.Held = slices.Compact(next.Held)
	sum, any := digest.sum()
	if len(n.named) > 0 && next.Digest != sum && (next.Digest != "" || any) {
		next.Generation, next.Digest = have.Generation+1, sum
	}
	if reflect.DeepEqual(next, have) || have.UID != n.uid && next.Digest == "" && next.Obstacle == "" && len(next.Held) == 0 {
		return nil
	}
	return d.put(ctx, name, next, revision)
}

// forgetHeld clears what the record says of a BundleDeployment that needs nothing any more.
func (d *Downstream) forgetHeld(ctx context.Context, name record.Name) error {
	d.obstacles.log(name, "")
	have, revision, err := d.Engine.CopiesOf(name)
	if err != nil || have.Obstacle == "" && len(have.Held) == 0 {
		return err
	}
	have.Obstacle, have.Held = "", nil
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

// forget removes the record of a BundleDeployment that is gone.
func (d *Downstream) forget(ctx context.Context, name record.Name) error {
	_, revision, err := d.Engine.CopiesOf(name)
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
