// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"fmt"
	"iter"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// prepared is a transaction ready to be sent: encrypted, and in etcd's terms.
type prepared struct {
	txn    *Txn
	guards []clientv3.Cmp
	ops    []clientv3.Op
	// puts are the records' values as they are to stand in etcd.
	puts map[record.Key][]byte
	// bumps are the operations that put a guard record which the transaction itself
	// does not look at. What such a record holds is no matter.
	bumps map[record.Key]clientv3.Op
	size  int
	// onlyDeletes is the transaction without its removal guards, if it puts nothing else.
	// A full etcd takes it. No plan can miss what it deletes: one that guards a range
	// puts something, which a full etcd does not take, and it does not outlast what an
	// operator does to make room (commitTimeout).
	onlyDeletes *prepared
}

// prepare fails with ErrRefused if a record cannot be encrypted.
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

// groupable tells whether a transaction is one for groups: small, and with guards
// on records and not on ranges, so that it is known what it meets.
func (p *prepared) groupable() bool {
	return len(p.guards) <= memberSize && len(p.ops) <= min(memberSize, groupSize) && len(p.ops) > 0 &&
		len(p.txn.UnchangedSince) == 0 && len(p.txn.Content)+len(p.txn.HasContent) == 0 && p.size <= groupBytes
}

// reads are the records that a transaction looks at.
func (p *prepared) reads() iter.Seq[record.Key] {
	return func(yield func(record.Key) bool) {
		for key := range p.txn.Unchanged {
			if !yield(key) {
				return
			}
		}
		for key := range p.txn.NotAfter {
			if !yield(key) {
				return
			}
		}
	}
}

// writes are the records that a transaction puts or deletes.
func (p *prepared) writes() iter.Seq[record.Key] {
	return func(yield func(record.Key) bool) {
		for key := range p.txn.Put {
			if !yield(key) {
				return
			}
		}
		for _, key := range p.txn.Delete {
			if !yield(key) {
				return
			}
		}
	}
}
