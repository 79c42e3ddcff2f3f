// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"gopkg.in/natefinch/lumberjack.v2"
)

func newEtcd(t *testing.T, dir string) *Etcd {
	t.Helper()
	etcd, err := Start(t.Context(), filepath.Join(dir, "etcd"), filepath.Join(dir, "etcd.log"), nil)
	require.NoError(t, err)
	return etcd
}

func TestEtcdIsAsDurableAndAsLimitedAsInProduction(t *testing.T) {
	t.Parallel()
	config := etcdConfig(t.TempDir(), &lumberjack.Logger{}, newFate("", ""))
	require.False(t, config.UnsafeNoFsync)
	require.EqualValues(t, 1.5*1024*1024, config.MaxRequestBytes)
	require.EqualValues(t, embed.DefaultMaxTxnOps, config.MaxTxnOps)
	require.EqualValues(t, 8<<30, config.QuotaBackendBytes)
	require.Empty(t, config.ListenClientUrls)
	require.Empty(t, config.ListenClientHttpUrls)
	require.Empty(t, config.ListenPeerUrls)
	require.Empty(t, config.ListenMetricsUrls)
	require.Equal(t, "0", config.AutoCompactionRetention, "compaction is ours")
}

func TestEtcdKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := newEtcd(t, dir)
	put, err := first.Client.Put(t.Context(), "key", "value")
	require.NoError(t, err)
	require.NoError(t, first.Close())
	select {
	case <-first.Stopped():
	default:
		require.Fail(t, "it has not stopped")
	}

	second := newEtcd(t, dir)
	got, err := second.Client.Get(t.Context(), "key")
	require.NoError(t, err)
	require.Equal(t, "value", string(got.Kvs[0].Value))
	require.Equal(t, put.Header.Revision, got.Kvs[0].ModRevision)
	require.NoError(t, second.Close())
}

func TestEtcdTakesLargeTransactionsAndRefusesLargerOnes(t *testing.T) {
	t.Parallel()
	etcd := newEtcd(t, t.TempDir())
	t.Cleanup(func() { require.NoError(t, etcd.Close()) })
	commit := func(operations int) error {
		var puts []clientv3.Op
		for i := range operations {
			puts = append(puts, clientv3.OpPut(fmt.Sprint("key", i), "value"))
		}
		_, err := etcd.Client.Txn(t.Context()).Then(puts...).Commit()
		return err
	}
	require.NoError(t, commit(128))
	require.ErrorIs(t, commit(129), rpctypes.ErrTooManyOps)
	_, err := etcd.Client.Put(t.Context(), "key", strings.Repeat("x", 2<<20))
	require.ErrorIs(t, err, rpctypes.ErrRequestTooLarge)
}

func TestTheInProcessClientWatches(t *testing.T) {
	t.Parallel()
	etcd := newEtcd(t, t.TempDir())
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(t.Context()))
	put, err := etcd.Client.Put(ctx, "a", "1")
	require.NoError(t, err)
	changes := etcd.Client.Watch(ctx, "a", clientv3.WithRev(put.Header.Revision), clientv3.WithFragment())
	first := <-changes
	require.NoError(t, first.Err())
	require.Equal(t, "1", string(first.Events[0].Kv.Value))
	_, err = etcd.Client.Delete(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, clientv3.EventTypeDelete, (<-changes).Events[0].Type)

	// What compaction does to a watch that has fallen behind.
	_, err = etcd.Client.Compact(ctx, put.Header.Revision+1)
	require.NoError(t, err)
	late := <-etcd.Client.Watch(ctx, "a", clientv3.WithRev(put.Header.Revision))
	require.ErrorIs(t, late.Err(), rpctypes.ErrCompacted)

	cancel()
	for range changes {
	}
	require.NoError(t, etcd.Close())
}

func TestACancelledStartStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	etcd, err := Start(ctx, filepath.Join(dir, "etcd"), filepath.Join(dir, "etcd.log"), nil)
	if err == nil {
		// It was ready before it looked.
		require.NoError(t, etcd.Close())
		return
	}
	require.ErrorIs(t, err, context.Canceled)
}
