// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"fmt"
	"maps"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// prepared is a transaction ready to be sent: encrypted, and in etcd's terms.
type prepared struct {
	txn    *Txn
	guards []clientv3.Cmp
	ops    []clientv3.Op
	// puts holds the records' values as etcd is to store them.
	puts map[record.Key][]byte
	// bumps holds the operations that put a guard record which the transaction itself does
	// not compare. The value of such a record does not matter.
	bumps map[record.Key]clientv3.Op
	size  int
	// onlyDeletes is the transaction without its removal guards, if it puts nothing else.
	// A full etcd accepts it. No plan can miss its deletions: a transaction that guards a
	// range puts something, which a full etcd refuses, and it times out (commitTimeout)
	// before an operator has made room.
	onlyDeletes *prepared
}

// prepare encrypts a transaction and translates it for etcd. It fails with ErrRefused if a
// record cannot be encrypted.
func (l *Log) prepare(ctx context.Context, txn *Txn) (*prepared, error) {
	var onlyDeletes *prepared
	given := txn
	if txn = withRemovals(given); txn != given && len(given.Put)+len(given.Content) == 0 {
		ops, _, err := l.ops(ctx, given)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		onlyDeletes = &prepared{txn: given, guards: l.guards(given), ops: ops, size: given.Size()}
	}
	ops, puts, err := l.ops(ctx, txn)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	p := &prepared{txn: txn, guards: l.guards(txn), ops: ops, puts: puts, size: txn.Size(), onlyDeletes: onlyDeletes}
	for key := range txn.Put {
		_, unchanged := txn.Unchanged[key]
		_, notAfter := txn.NotAfter[key]
		if key.Type == record.TypeGuard && !unchanged && !notAfter {
			if p.bumps == nil {
				p.bumps = map[record.Key]clientv3.Op{}
			}
			p.bumps[key] = clientv3.OpPut(l.path(key), string(puts[key]))
		}
	}
	return p, nil
}

// groupable reports whether a transaction may be part of a group. It must be small, and
// guard records and not ranges, so that conflicts with other members are known.
func (p *prepared) groupable() bool {
	return len(p.guards) <= memberSize && len(p.ops) <= min(memberSize, groupSize) && len(p.ops) > 0 &&
		len(p.txn.UnchangedSince) == 0 && len(p.txn.Content)+len(p.txn.HasContent) == 0 && p.size <= groupBytes
}

// reads returns the records that a transaction compares.
func (p *prepared) reads() []record.Key {
	return slices.AppendSeq(slices.Collect(maps.Keys(p.txn.Unchanged)), maps.Keys(p.txn.NotAfter))
}

// writes returns the records that a transaction puts or deletes.
func (p *prepared) writes() []record.Key {
	return append(slices.Collect(maps.Keys(p.txn.Put)), p.txn.Delete...)
}
