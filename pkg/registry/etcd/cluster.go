// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// ErrReplaced means that another etcd cluster answers than did before. A cluster
// that was restored from a snapshot is another one, if it was given a new
// --initial-cluster-token.
var ErrReplaced = errors.New("etcd is another cluster than before")

// sameCluster checks that an answer comes from the cluster that gave the first.
func (l *Log) sameCluster(header *etcdserverpb.ResponseHeader) error {
	id := header.GetClusterId()
	if id == 0 || l.cluster.CompareAndSwap(0, id) || l.cluster.Load() == id {
		return nil
	}
	return fmt.Errorf("%w: its ID was %x and is %x", ErrReplaced, l.cluster.Load(), id)
}

// Adopt takes whatever cluster answers next for the log's. Who calls it has
// forgotten all that the log ever told.
func (l *Log) Adopt() { l.cluster.Store(0) }
