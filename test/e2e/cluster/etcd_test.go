// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const within = 30 * time.Second

func TestAnEtcdOfThreeSurvivesTheDeathOfItsLeader(t *testing.T) {
	t.Parallel()
	e := cluster.StartEtcd(t, 3, cluster.EtcdOptions{})
	client := e.Client(t)
	_, err := client.Put(t.Context(), "k", "1")
	require.NoError(t, err)

	leader := e.Leader(t)
	e.Member(leader).Kill()
	require.False(t, e.Member(leader).Running())
	require.Eventually(t, func() bool { return put(t.Context(), client, "2") == nil }, within, 20*time.Millisecond)
	require.NotEqual(t, leader, e.Leader(t))

	e.Start(t, leader)
	own, err := e.Dial(e.Endpoints()[leader])
	require.NoError(t, err)
	defer own.Close()
	response, err := own.Get(t.Context(), "k")
	require.NoError(t, err)
	require.Equal(t, "2", string(response.Kvs[0].Value))
}

func TestAPausedMemberAnswersNothingAndContinuesLater(t *testing.T) {
	t.Parallel()
	e := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	e.Member(0).Pause()
	require.True(t, e.Member(0).Running())
	require.Error(t, put(t.Context(), e.Client(t), "1"))
	e.Member(0).Resume()
	require.Eventually(t, func() bool { return put(t.Context(), e.Client(t), "2") == nil }, within, 20*time.Millisecond)
}

func TestAFullEtcdRefusesWrites(t *testing.T) {
	t.Parallel()
	e := cluster.StartEtcd(t, 1, cluster.EtcdOptions{QuotaBytes: 1 << 20})
	big := string(make([]byte, 256<<10))
	require.Eventually(t, func() bool {
		_, err := e.Client(t).Put(t.Context(), "k", big)
		return err != nil
	}, within, time.Millisecond)
	out, err := e.Ctl("alarm", "list")
	require.NoError(t, err)
	require.Contains(t, out, "NOSPACE")
}

func TestEtcdRefusesAClientOfAnotherCA(t *testing.T) {
	t.Parallel()
	e := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	e.CertFile, e.KeyFile = cluster.NewCA("foreign").Client("root").Write(t, t.TempDir(), "client")
	client, err := e.Dial(e.Endpoints()...)
	require.NoError(t, err)
	defer client.Close()
	require.Error(t, put(t.Context(), client, "1"))
}

func put(ctx context.Context, client *clientv3.Client, value string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := client.Put(ctx, "k", value)
	return err
}
