// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// TestAQuietWatchLearnsTheProgressOfTheLog covers a watch of a scope in which nothing happens.
func TestAQuietWatchLearnsTheProgressOfTheLog(t *testing.T) {
	t.Parallel()
	ctx := withDeadline(t)
	e := running(ctx, t, etcd.New(etcdtest.Start(t).Client, "/muster"), 1000)
	barrier(ctx, t, e)
	quiet := e.Wakeup(Scope{Resource: record.Clusters, Namespace: "fleet"})
	var last int64
	for range 5 {
		last = save(ctx, t, e, workload("a"))
	}
	require.Eventually(t, func() bool { return e.Announced() >= last }, deadline, time.Millisecond)
	select {
	case <-quiet.Done():
		require.Fail(t, "nothing has happened to it")
	default:
	}
	loud := save(ctx, t, e, on("c1"))
	<-quiet.Done()
	require.Equal(t, loud-1, quiet.Before())
	require.NotSame(t, quiet, e.Wakeup(Scope{Resource: record.Clusters, Namespace: "fleet"}))

	all := e.Wakeup(Scope{Resource: record.Clusters})
	e.wakeups.WakeAll(loud)
	<-all.Done()
	require.Negative(t, all.Before(), "after a load nothing is known")
}
