// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package allinone

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/klog/v2"
)

const (
	compactInterval = 5 * time.Minute
	compactAge      = 10 * time.Minute
)

// revisions is what compaction needs of etcd.
type revisions interface {
	// Current answers the latest revision.
	Current(ctx context.Context) (int64, error)
	// Compact forgets what was before revision.
	Compact(ctx context.Context, revision int64) error
}

// compact forgets, every compactInterval, what was superseded compactAge ago or
// earlier, until ctx ends. Etcd would do it by itself; but its own compaction
// counts from its own start, and a history that is too short costs every client
// a relist.
func compact(ctx context.Context, log revisions) {
	ticker := time.NewTicker(compactInterval)
	defer ticker.Stop()
	// samples holds the revisions seen at the last ticks, the oldest first.
	var samples []int64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		current, err := log.Current(ctx)
		if err != nil {
			klog.ErrorS(err, "Cannot read etcd's revision; old revisions stay until the next try")
			continue
		}
		samples = append(samples, current)
		if len(samples) <= int(compactAge/compactInterval) {
			continue
		}
		if err := log.Compact(ctx, samples[0]); err != nil {
			klog.ErrorS(err, "Cannot compact etcd; old revisions stay until the next try", "revision", samples[0])
		}
		samples = samples[1:]
	}
}

// etcdRevisions are the revisions of an etcd.
type etcdRevisions struct{ client *clientv3.Client }

var _ revisions = etcdRevisions{}

func (r etcdRevisions) Current(ctx context.Context) (int64, error) {
	// Any key does: the revision is in the header.
	response, err := r.client.Get(ctx, "compact_rev_key", clientv3.WithCountOnly())
	if err != nil {
		return 0, err
	}
	return response.Header.Revision, nil
}

func (r etcdRevisions) Compact(ctx context.Context, revision int64) error {
	_, err := r.client.Compact(ctx, revision)
	if errors.Is(err, rpctypes.ErrCompacted) {
		return nil
	}
	return err
}
