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

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// tiny configures an etcd that is soon full.
func tiny(config *embed.Config) { config.QuotaBackendBytes = 2 << 20 }

// TestAFullEtcdRefusesWritesAndServesReads fills etcd with many writers at once: at the
// limit, etcd answers "no space" to transactions that it has written.
func TestAFullEtcdRefusesWritesAndServesReads(t *testing.T) {
	t.Parallel()
	network := func(s *etcdtest.Server) *clientv3.Client { return s.Client }
	for name, way := range map[string]struct {
		via    func(*etcdtest.Server) *clientv3.Client
		commit func(*etcd.Log, context.Context, etcd.Txn) (int64, bool, error)
	}{
		"over the network":           {network, (*etcd.Log).Commit},
		"over the network, together": {network, (*etcd.Log).CommitTogether},
		"in the process":             {func(s *etcdtest.Server) *clientv3.Client { return s.Embedded }, (*etcd.Log).Commit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, server := withDeadline(t), etcdtest.Start(t, tiny)
			client := way.via(server)
			log := etcd.New(client, "/muster")
			written, refused := fill(ctx, t, func(ctx context.Context, txn etcd.Txn) (int64, bool, error) { return way.commit(log, ctx, txn) })
			require.NotEmpty(t, written)

			// The result of each write is true.
			now, err := log.Revision(ctx)
			require.NoError(t, err)
			there := map[record.Key]int64{}
			for _, r := range load(ctx, t, log, now) {
				there[r.Key] = r.Revision
			}
			require.Equal(t, written, there)
			for _, k := range refused {
				require.NotContains(t, there, k)
			}

			require.NoError(t, etcd.Check(ctx, client, "/muster"), "it is full, not unfit: replicas must be able to start")
			stop, cancel := context.WithCancel(ctx)
			seen := 0
			err = log.Watch(stop, 0, func(b etcd.Batch) {
				if seen += len(b.Records); seen == len(written) {
					cancel()
				}
			})
			require.ErrorIs(t, err, context.Canceled)
			for k, at := range written {
				// A deletion that also writes something, such as a guard, needs space.
				_, ok, err := way.commit(log, ctx, etcd.Txn{Unchanged: map[record.Key]int64{k: at}, Delete: []record.Key{k}, Put: map[record.Key][]byte{record.TargetingGuardKey(): []byte("{}")}})
				require.False(t, ok)
				require.ErrorIs(t, err, etcd.ErrNoSpace)
				break
			}
			for k := range written {
				commit(ctx, t, log, etcd.Txn{Unchanged: map[record.Key]int64{k: written[k]}, Delete: []record.Key{k}})
			}

			following, end := context.WithCancel(ctx)
			defer end()
			go log.FollowSpace(following)
			require.Eventually(t, func() bool { return log.Space().Full }, deadline, tick)
			require.Equal(t, etcd.Space{Known: true, Full: true, Size: log.Space().Size, Quota: 2 << 20}, log.Space())
			require.Positive(t, log.Space().Size)

			makeRoom(ctx, t, server, log)
			require.Eventually(t, func() bool { return !log.Space().Full }, deadline, tick)
			commit(ctx, t, log, put("a"))
		})
	}
}

// fill writes until etcd is full. It returns the revisions of the records that were
// written, and the records that were not.
func fill(ctx context.Context, t *testing.T, commit func(context.Context, etcd.Txn) (int64, bool, error)) (map[record.Key]int64, []record.Key) {
	var mu sync.Mutex
	written, refused := map[record.Key]int64{}, []record.Key(nil)
	var writers sync.WaitGroup
	for w := range 16 {
		writers.Go(func() {
			for i := 0; ; i++ {
				k := key(fmt.Sprintf("%d-%d", w, i))
				revision, ok, err := commit(ctx, etcd.Txn{
					Unchanged: map[record.Key]int64{k: 0},
					Put:       map[record.Key][]byte{k: bytes.Repeat([]byte{byte('a' + w)}, 20<<10)},
				})
				mu.Lock()
				if err == nil && ok {
					written[k] = revision
				} else {
					refused = append(refused, k)
				}
				mu.Unlock()
				if err != nil {
					if !errors.Is(err, etcd.ErrNoSpace) {
						t.Errorf("a full etcd answers %v", err)
					}
					return
				}
			}
		})
	}
	writers.Wait()
	return written, refused
}

// makeRoom does what the error asks the operator to do.
func makeRoom(ctx context.Context, t *testing.T, server *etcdtest.Server, log *etcd.Log) {
	t.Helper()
	now, err := log.Revision(ctx)
	require.NoError(t, err)
	_, err = server.Client.Compact(ctx, now, clientv3.WithCompactPhysical())
	require.NoError(t, err)
	_, err = server.Client.Defragment(ctx, server.Client.Endpoints()[0])
	require.NoError(t, err)
	alarms, err := server.Client.AlarmList(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, alarms.Alarms)
	for _, alarm := range alarms.Alarms {
		_, err = server.Client.AlarmDisarm(ctx, (*clientv3.AlarmMember)(alarm))
		require.NoError(t, err)
	}
}
