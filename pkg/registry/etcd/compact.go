// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/klog/v2"
)

// compactTimeout bounds one call to etcd.
const compactTimeout = 10 * time.Second

// revisions is the part of etcd that compaction uses.
type revisions interface {
	Current(ctx context.Context) (int64, error)
	Compact(ctx context.Context, revision int64) error
}

// Compact drops, every interval, the history that was superseded longer ago than the
// window, until ctx ends. An interval of 0 leaves compaction to another program. etcd could
// compact itself, but its own compaction counts from its own start, and a history that is
// too short makes every client list again.
//
// It compacts the whole etcd, not one prefix. Any number of replicas may do so at once,
// also with different windows. Each drops only revisions that it saw itself at least its
// window ago, so nothing younger than the shortest window is lost. It keeps the youngest of
// these revisions too: a start loads the state before it and replays it, so that a client
// that got only a part of it gets the rest. A replica that has just started, or that was cut
// off from etcd, keeps more history, never less.
func Compact(ctx context.Context, client *clientv3.Client, interval, window time.Duration) {
	if interval > 0 {
		compact(ctx, etcdRevisions{client}, interval, window)
	}
}

func compact(ctx context.Context, log revisions, interval, window time.Duration) {
	kept := max(1, int((window+interval-1)/interval))
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	// samples holds the revisions at the last ticks, the oldest first.
	var samples []int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		current, err := log.Current(ctx)
		if err != nil {
			klog.ErrorS(err, "Cannot read etcd's revision; old revisions remain until the next try")
			continue
		}
		samples = append(samples, current)
		if len(samples) <= kept {
			continue
		}
		if before := samples[0] - 1; before > 0 {
			if err := log.Compact(ctx, before); err != nil {
				klog.ErrorS(err, "Cannot compact etcd; old revisions remain until the next try", "revision", before)
			}
		}
		samples = samples[1:]
	}
}

type etcdRevisions struct{ client *clientv3.Client }

var _ revisions = etcdRevisions{}

func (r etcdRevisions) Current(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, compactTimeout)
	defer cancel()
	// Any key will do: the revision is in the header.
	response, err := r.client.Get(ctx, "compact_rev_key", clientv3.WithCountOnly())
	if err != nil {
		return 0, err
	}
	return response.Header.Revision, nil
}

func (r etcdRevisions) Compact(ctx context.Context, revision int64) error {
	ctx, cancel := context.WithTimeout(ctx, compactTimeout)
	defer cancel()
	_, err := r.client.Compact(ctx, revision)
	if errors.Is(err, rpctypes.ErrCompacted) {
		return nil
	}
	return err
}
