// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/test/flakyproxy"
)

// Requests that wait for etcd when the replica becomes unready end at once. A client may
// repeat what has certainly written nothing, and is not asked to repeat anything else.
func TestRequestsThatWaitForALostEtcdMayGoElsewhere(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	reads, writes := flakyproxy.Start(t, server.Address()), flakyproxy.Start(t, server.Address())
	keys := etcdtest.NewKeys("")
	s := clusters(ctx, t, server.Dial(t, "http://"+reads.Address), server.Dial(t, "http://"+writes.Address), keys)
	require.NoError(t, create(ctx, s, "a"))
	lost := s.engine.Unready()

	writes.Stall()
	t.Cleanup(writes.Mend)
	committing, encrypted := make(chan error, 1), make(chan struct{})
	first := sync.OnceFunc(func() { close(encrypted) })
	keys.BeforeEncrypt(func(string) { first() })
	go func() { committing <- create(ctx, s, "b") }()
	<-encrypted // next comes the transaction
	reads.Stall()
	t.Cleanup(reads.Mend)
	<-lost.Done()
	err := <-committing
	require.True(t, apierrors.IsTimeout(err), "%v", err)
	require.ErrorContains(t, err, "it is unknown whether it was written")
	_, retries := apierrors.SuggestsClientDelay(err)
	require.False(t, retries)
	require.ErrorIs(t, s.engine.Ready(), engine.ErrNotReady)

	reads.Mend()
	require.Eventually(t, func() bool { return s.engine.Ready() == nil }, deadline, 10*time.Millisecond)
	lost = s.engine.Unready()
	reads.Stall()
	read, unwritten := make(chan error, 1), make(chan error, 1)
	go func() { read <- s.Get(ctx, "/clusters/ns/a", storage.GetOptions{}, &v1alpha1.Cluster{}) }()
	go func() { unwritten <- create(ctx, s, "c") }()
	<-lost.Done()
	for _, result := range []chan error{read, unwritten} {
		err := <-result
		require.True(t, apierrors.IsTooManyRequests(err), "%v", err)
		require.ErrorContains(t, err, "another replica may answer")
		_, retries := apierrors.SuggestsClientDelay(err)
		require.True(t, retries)
	}
}
