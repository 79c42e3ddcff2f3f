// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
)

// TestRequestsForProgressBetweenWatchesLeakNothing checks that RequestProgress opens no
// stream between watches, which the client would keep. It is not parallel, because it counts
// goroutines.
func TestRequestsForProgressBetweenWatchesLeakNothing(t *testing.T) {
	ctx, client := withDeadline(t), etcdtest.Start(t).Client
	log := etcd.New(client, "/muster")
	require.NoError(t, log.RequestProgress(ctx), "before any watch")
	commit(ctx, t, log, put("a"))
	round := func() {
		watching, stop := context.WithCancel(ctx)
		followed, done := make(chan struct{}, 1), make(chan struct{})
		go func() {
			defer close(done)
			_ = log.Watch(watching, 1, func(etcd.Batch) {
				select {
				case followed <- struct{}{}:
				default:
				}
			})
		}()
		require.Eventually(t, func() bool {
			require.NoError(t, log.RequestProgress(ctx))
			return len(followed) > 0
		}, deadline, time.Millisecond)
		asking := make(chan struct{})
		go func() {
			defer close(asking)
			for watching.Err() == nil {
				_ = log.RequestProgress(ctx)
			}
		}()
		stop()
		<-done
		<-asking
		require.NoError(t, log.RequestProgress(ctx))
	}
	round()
	before := runtime.NumGoroutine()
	for range 20 {
		round()
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+5 }, deadline, 10*time.Millisecond, "they were %d", before)
}
