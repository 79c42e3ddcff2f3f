// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/invariants"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

var errEnough = errors.New("all has been seen")

// TestALaggingWatchDoesNotGetTheProgressOfAnother begins watches in the past, while one by
// the same client has caught up and constantly requests its progress.
func TestALaggingWatchDoesNotGetTheProgressOfAnother(t *testing.T) {
	t.Parallel()
	ctx, client := withDeadline(t), etcdtest.Start(t).Client
	writer := etcd.New(client, "/muster")
	records, watches := int64(300), 40
	if invariants.Enabled {
		records, watches = records/5, watches/5 // a commit takes long under the race detector
	}
	for i := range records {
		commit(ctx, t, writer, put(fmt.Sprint(i)))
	}
	end, err := writer.Revision(ctx)
	require.NoError(t, err)
	asking, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	current := etcd.New(client, "/muster")
	all.Go(func() { _ = current.Watch(asking, end, func(etcd.Batch) {}) })
	all.Go(func() { // so that answers queue up
		large := bytes.Repeat([]byte("x"), 50<<10)
		for asking.Err() == nil {
			_, _, _ = writer.Commit(asking, etcd.Txn{Put: map[record.Key][]byte{key("busy"): large}})
		}
	})
	all.Go(func() {
		pause := time.NewTicker(time.Millisecond)
		defer pause.Stop()
		for asking.Err() == nil {
			_ = current.RequestProgress(asking)
			<-pause.C
		}
	})
	for range watches {
		watching, enough := context.WithCancelCause(ctx)
		seen := int64(0)
		err := etcd.New(client, "/muster").Watch(watching, end-records, func(batch etcd.Batch) {
			if batch.Revision <= end {
				seen += int64(len(batch.Records))
			}
			if batch.Revision >= end {
				enough(errEnough)
			}
		})
		require.ErrorIs(t, err, errEnough)
		require.Equal(t, records, seen, "the watch reaches the current revision only after all earlier events")
	}
}
