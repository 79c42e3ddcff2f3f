// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package etcdtest starts real etcds for tests. Each has one member, its own port and a
// directory that is removed with the test. It differs from an etcd in production in that it
// does not sync to disk and has short election timeouts. A start takes about 0.2 seconds.
package etcdtest

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// Server is an etcd that runs until the test ends.
type Server struct {
	// Client calls the server over the network, as in production.
	Client *clientv3.Client
	// Embedded calls the server within the process, as the all-in-one does.
	Embedded *clientv3.Client

	address string
	config  *embed.Config
	running *embed.Etcd
}

// Start starts an etcd. The functions in adjust may change its configuration.
func Start(t testing.TB, adjust ...func(*embed.Config)) *Server {
	t.Helper()
	config := embed.NewConfig()
	config.Dir = t.TempDir()
	config.ListenPeerUrls = nil
	config.ListenClientUrls = []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.TickMs, config.ElectionMs = 10, 100
	config.UnsafeNoFsync = true
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	for _, change := range adjust {
		change(config)
	}
	s := &Server{config: config}
	s.start(t)
	t.Cleanup(func() { s.running.Close() })
	s.address = s.running.Clients[0].Addr().String()
	s.Client, s.Embedded = s.Dial(t, s.address), v3client.New(s.running.Server)
	t.Cleanup(func() { _ = s.Embedded.Close() })
	return s
}

func (s *Server) start(t testing.TB) {
	server, err := embed.StartEtcd(s.config)
	require.NoError(t, err)
	select {
	case <-server.Server.ReadyNotify():
	case <-server.Server.StopNotify():
		require.Fail(t, "etcd stopped while it started")
	}
	s.running = server
}

// Restart stops the etcd, and starts it again with its data and its address. Embedded must
// not be used after that.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.running.Close()
	s.config.ListenClientUrls = []url.URL{{Scheme: "http", Host: s.address}}
	s.start(t)
}

// Address returns the address that the server listens on.
func (s *Server) Address() string { return s.address }

// Dial returns another client, connected to an address: the server's, or a flaky proxy's.
func (s *Server) Dial(t testing.TB, address string, options ...grpc.DialOption) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{address}, Logger: zap.NewNop(), DialOptions: options})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
