// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// held is a stream that delivers nothing until the channel in until is closed.
type held struct {
	grpc.ClientStream
	until *atomic.Pointer[chan struct{}]
}

// RecvMsg implements grpc.ClientStream.
func (h held) RecvMsg(m any) error {
	err := h.ClientStream.RecvMsg(m)
	if until := h.until.Load(); until != nil {
		<-*until
	}
	return err
}

// late returns a client whose watches can be held while its other requests are answered.
func late(t *testing.T, server *etcdtest.Server) (*clientv3.Client, *atomic.Pointer[chan struct{}]) {
	t.Helper()
	until := &atomic.Pointer[chan struct{}]{}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{server.Address()}, Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, streamer grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := streamer(ctx, desc, conn, method, options...)
			return held{stream, until}, err
		})},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client, until
}

// A client that got a revision from one replica, and resumes at another that is behind,
// does not have to list again.
func TestAWatchWaitsForAReplicaThatIsBehind(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	reads, until := late(t, server)
	behind, ahead := clusters(ctx, t, reads, server.Client, etcdtest.NewKeys("")), clusters(ctx, t, server.Client, server.Client, etcdtest.NewKeys(""))
	pass := make(chan struct{})
	until.Store(&pass)
	seen := &v1alpha1.Cluster{}
	require.NoError(t, ahead.Create(ctx, "/clusters/ns/seen", clusterOf("seen"), seen, 0))
	events := watchFrom(ctx, t, behind, "/clusters", seen.ResourceVersion).ResultChan()
	select {
	case event := <-events:
		require.Failf(t, "unexpected event", "%v", event)
	case <-time.After(blockTimeout + 2*time.Second):
	}
	until.Store(nil)
	close(pass)
	require.NoError(t, create(ctx, ahead, "next"))
	event := <-events
	require.Equal(t, watch.Added, event.Type)
	require.Equal(t, "next", event.Object.(metav1.Object).GetName())
}

func TestAWatchFromARevisionThatDoesNotExistEnds(t *testing.T) {
	t.Parallel()
	ctx, _, s := start(t)
	now, _ := present(t, s)
	event := <-watchFrom(ctx, t, s, "/clusters", view.VersionAt(now+1).String()).ResultChan()
	require.Equal(t, watch.Error, event.Type)
	require.True(t, apierrors.HasStatusCause(apierrors.FromObject(event.Object), metav1.CauseTypeResourceVersionTooLarge), "%v", event.Object)
}
