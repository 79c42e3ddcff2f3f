// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
)

// history is a log that gets one revision per second, and records its compactions.
type history struct {
	start time.Time
	// fails reports whether a call fails, given the time since the start.
	fails func(time.Duration) bool
	// compactions maps the time since the start to the revision compacted to.
	compactions map[time.Duration]int64
}

var errUnreachable = errors.New("unreachable")

func (h *history) Current(context.Context) (int64, error) {
	since := time.Since(h.start)
	if h.fails(since) {
		return 0, errUnreachable
	}
	return int64(since.Seconds()), nil
}

func (h *history) Compact(_ context.Context, revision int64) error {
	h.compactions[time.Since(h.start)] = revision
	return nil
}

func TestCompactionKeepsTheWindow(t *testing.T) {
	t.Parallel()
	const interval, window = 5 * time.Minute, 8 * time.Minute // two intervals
	never := func(time.Duration) bool { return false }
	for name, c := range map[string]struct {
		fails func(time.Duration) bool
		want  map[time.Duration]int64
	}{
		// The revision before the one at the tick, so that the latter can be replayed.
		"one revision per second": {never, map[time.Duration]int64{
			15 * time.Minute: 5*60 - 1,
			20 * time.Minute: 10*60 - 1,
			25 * time.Minute: 15*60 - 1,
			30 * time.Minute: 20*60 - 1,
		}},
		// After an outage it keeps more history, never less.
		"etcd does not answer for a while": {
			func(since time.Duration) bool { return since > 7*time.Minute && since < 18*time.Minute },
			map[time.Duration]int64{
				25 * time.Minute: 5*60 - 1,
				30 * time.Minute: 20*60 - 1,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := &history{start: time.Now(), fails: c.fails, compactions: map[time.Duration]int64{}}
				ctx, cancel := context.WithTimeout(t.Context(), 31*time.Minute)
				defer cancel()
				compact(ctx, log, interval, window)
				for at, revision := range log.compactions {
					require.GreaterOrEqual(t, at-time.Duration(revision)*time.Second, window, "too much history is lost")
				}
				require.Equal(t, c.want, log.compactions)
			})
		})
	}
}

func TestCompactingACompactedRevisionSucceeds(t *testing.T) {
	t.Parallel()
	client := etcdtest.Start(t).Client
	put, err := client.Put(t.Context(), "a", "1")
	require.NoError(t, err)
	log := etcdRevisions{client}
	current, err := log.Current(t.Context())
	require.NoError(t, err)
	require.Equal(t, put.Header.Revision, current)
	require.NoError(t, log.Compact(t.Context(), current))
	require.NoError(t, log.Compact(t.Context(), current), "another replica may have compacted first")
	_, err = client.Get(t.Context(), "a", clientv3.WithRev(current-1))
	require.ErrorIs(t, err, rpctypes.ErrCompacted)
}

func TestCompactionIsOffWithoutAnInterval(t *testing.T) {
	t.Parallel()
	Compact(t.Context(), nil, 0, time.Minute) // it neither waits nor touches etcd
}
