// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// ErrReplaced means that the etcd cluster that answers is not the one that answered before.
// A cluster that was restored from a snapshot is another cluster if it got a new
// --initial-cluster-token.
var ErrReplaced = errors.New("etcd is another cluster than before")

// sameCluster returns ErrReplaced unless an answer comes from the cluster that answered
// first.
func (l *Log) sameCluster(header *etcdserverpb.ResponseHeader) error {
	id := header.GetClusterId()
	if id == 0 || l.cluster.CompareAndSwap(0, id) || l.cluster.Load() == id {
		return nil
	}
	return fmt.Errorf("%w: its ID was %x and is %x", ErrReplaced, l.cluster.Load(), id)
}

// Adopt makes the cluster that answers next the log's cluster. The caller must have
// discarded everything that it learned from the log before.
func (l *Log) Adopt() { l.cluster.Store(0) }

// Expect makes a cluster the log's cluster before any has answered.
func (l *Log) Expect(cluster uint64) { l.cluster.Store(cluster) }

// Cluster returns the ID of the log's cluster, 0 before one has answered.
func (l *Log) Cluster() uint64 { return l.cluster.Load() }
