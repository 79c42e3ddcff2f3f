// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// MaxOperations is etcd's default for what Operations counts (--max-txn-ops). No write of
// ours needs more.
const MaxOperations = 128

// Operations is how many operations a transaction has as etcd counts them: on each level
// the guards or the operations, whichever are more, and along the deepest chain of nested
// transactions together.
func (l *Log) Operations(ctx context.Context, txn Txn) (int, error) {
	p, err := l.prepare(ctx, &txn)
	if err != nil {
		return 0, err
	}
	return operations(p.guards, nest(p.ops)), nil
}

func operations(guards []clientv3.Cmp, ops []clientv3.Op) int {
	deepest := 0
	for _, op := range ops {
		if op.IsTxn() {
			guards, then, _ := op.Txn()
			deepest = max(deepest, operations(guards, then))
		}
	}
	return max(len(guards), len(ops)) + deepest
}
