// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/invariants"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// TestNoPulseIsMissedWhileManyWatchesEncode keeps all processors busy with events that each
// watch encodes for itself, with etcd in the same process.
func TestNoPulseIsMissedWhileManyWatchesEncode(t *testing.T) {
	t.Parallel()
	const users, edits, encodings = 10, 10, 5
	watches := 1000
	if invariants.Enabled {
		watches /= 10 // under the race detector they encode ten times as long
	}
	ctx, _, s := start(t)
	require.NoError(t, create(ctx, s, "first"))
	from, _ := present(t, s)
	lost := s.engine.Unready()
	require.NoError(t, s.engine.Ready())

	limits := fair.NewLimits()
	var all sync.WaitGroup
	for i := range watches {
		client := limits.NewClient(fmt.Sprint("user", i%users), 1)
		w := watchFrom(client.In(ctx), t, s, "/clusters", view.VersionAt(from).String())
		turn := client.Events()
		all.Go(func() {
			defer client.Close()
			defer w.Stop()
			for range edits {
				select {
				case e, open := <-w.ResultChan():
					if !assert.True(t, open, "the watch ended") || !assert.Equal(t, watch.Added, e.Type) {
						return
					}
					assert.NoError(t, turn.During(ctx, func() {
						for range encodings {
							_, err := json.Marshal(e.Object.(runtime.CacheableObject).GetObject())
							assert.NoError(t, err)
						}
					}))
				case <-ctx.Done():
					assert.Fail(t, "no event arrived")
					return
				}
			}
		})
	}
	for n := range edits {
		require.Eventually(t, func() bool {
			err := create(ctx, s, fmt.Sprint("c", n))
			return err == nil || storage.IsExist(err) // on a busy machine the answer may be late
		}, deadline, time.Millisecond)
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-ticks.C:
		}
		require.NoError(t, s.engine.Ready())
	}
	require.NoError(t, lost.Err(), "watches would have ended")
}

// TestASmallRequestOnALargeObjectTakesATurn covers requests that decode, patch and compare
// a large object as a whole.
func TestASmallRequestOnALargeObjectTakesATurn(t *testing.T) {
	t.Parallel()
	ctx, _, s := start(t)
	reports := NewReports(record.Clusters, s.engine, s.log)
	require.NoError(t, create(ctx, s, "small"))
	require.NoError(t, create(ctx, s, "large"))
	report := func(ctx context.Context, name, value string) error {
		return update(ctx, reports, name, func(c *v1alpha1.Cluster) { c.Status.Agent.Namespace = value })
	}
	require.NoError(t, report(ctx, "large", strings.Repeat("x", 1<<20)))

	limits := fair.NewLimits()
	limits.Heavy = fair.NewBudget(1, 1)
	require.NoError(t, limits.Heavy.Take(ctx, "another", 1))
	for name, waits := range map[string]bool{"small": false, "large": true} {
		for what, request := range map[string]func(ctx context.Context) error{
			"a report": func(ctx context.Context) error { return report(ctx, name, "y") },
			"a read":   func(ctx context.Context) error { _, err := get(ctx, s, name); return err },
		} {
			client := limits.NewClient("a", 1)
			within, cancel := client.In(ctx), context.CancelFunc(func() {})
			if waits {
				within, cancel = context.WithTimeoutCause(within, time.Second, errTurn)
			}
			err := request(within)
			cancel()
			client.Close()
			if waits {
				require.ErrorContains(t, err, errTurn.Error(), "%s of %s", what, name)
			} else {
				require.NoError(t, err, "%s of %s", what, name)
			}
		}
	}
}

var errTurn = errors.New("no turn was free")
