// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// MaxOperations is etcd's default limit on what Operations counts (--max-txn-ops). No write
// of Muster needs more.
const MaxOperations = 128

// Operations returns the number of operations of a transaction as etcd counts them. On each
// level this is the number of guards or of operations, whichever is larger; levels add up
// along the chain of nested transactions with the highest sum.
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
