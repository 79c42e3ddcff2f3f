// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/test/flakyproxy"
)

func TestEtcdIsFitAndIsLeftAsItIs(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log := withDeadline(t), etcd.New(client, "/muster")
		require.NoError(t, etcd.Check(ctx, client, "/muster"), "an empty one")
		before := commit(ctx, t, log, put("a"))
		require.NoError(t, etcd.Check(ctx, client, "/muster/"))
		after, err := log.Revision(ctx)
		require.NoError(t, err)
		require.Equal(t, before, after, "nothing is written")
	})
}

// foreign is a store that serves etcd's API and is not etcd.
type foreign struct {
	pb.UnimplementedKVServer
	pb.UnimplementedMaintenanceServer
	pb.UnimplementedWatchServer

	version  string
	cluster  uint64
	txn      func(*pb.TxnRequest) (*pb.TxnResponse, error)
	progress bool
}

func (f *foreign) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	return &pb.StatusResponse{Header: &pb.ResponseHeader{ClusterId: f.cluster}, Version: f.version}, nil
}

func (f *foreign) Txn(_ context.Context, txn *pb.TxnRequest) (*pb.TxnResponse, error) {
	return f.txn(txn)
}

func (f *foreign) Watch(stream pb.Watch_WatchServer) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		answer := &pb.WatchResponse{Header: &pb.ResponseHeader{Revision: 1}}
		switch {
		case request.GetCreateRequest() != nil:
			answer.Created = true
		case request.GetProgressRequest() != nil && f.progress:
			answer.WatchId = clientv3.InvalidWatchID
		default:
			continue
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

// kine answers a transaction as kine 0.17.5 does, which knows only the transactions of
// kube-apiserver.
func kine(txn *pb.TxnRequest) (*pb.TxnResponse, error) {
	if len(txn.Compare) == 1 && len(txn.Success) == 1 && txn.Success[0].GetRequestPut() != nil {
		return &pb.TxnResponse{Header: &pb.ResponseHeader{}, Succeeded: true}, nil
	}
	return nil, status.Error(codes.InvalidArgument, "etcdserver: unsupported operations in txn request")
}

// understands answers the transactions of Check as etcd does.
func understands(txn *pb.TxnRequest) (*pb.TxnResponse, error) {
	answer := &pb.TxnResponse{Header: &pb.ResponseHeader{}, Succeeded: len(txn.Compare) == 3}
	if answer.Succeeded {
		for range txn.Success {
			within := &pb.TxnResponse{Header: &pb.ResponseHeader{}, Succeeded: true}
			answer.Responses = append(answer.Responses, &pb.ResponseOp{Response: &pb.ResponseOp_ResponseTxn{ResponseTxn: within}})
		}
	}
	return answer, nil
}

// serve starts a foreign store, and returns its URL.
func (f *foreign) serve(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	pb.RegisterKVServer(server, f)
	pb.RegisterMaintenanceServer(server, f)
	pb.RegisterWatchServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return "http://" + listener.Addr().String()
}

func connect(t *testing.T, servers ...string) *clientv3.Client {
	t.Helper()
	client, err := etcd.Connect(etcd.ClientConfig{Servers: servers})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestAStoreThatIsNotEtcdIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		store foreign
		says  []string // empty if the store is fit
	}{
		"kine": {
			foreign{version: "3.6.11", txn: kine, progress: true},
			[]string{"several guards", "unsupported operations in txn request", "Muster needs etcd itself", "kine", "--etcd-servers"},
		},
		"one that knows no transactions": {foreign{version: "3.6.0", txn: func(*pb.TxnRequest) (*pb.TxnResponse, error) {
			return nil, status.Error(codes.Unimplemented, "txn is not supported")
		}}, []string{"txn is not supported"}},
		"one that writes whatever the guards say": {foreign{version: "3.6.0", txn: func(txn *pb.TxnRequest) (*pb.TxnResponse, error) {
			return understands(&pb.TxnRequest{Compare: txn.Compare[:3], Success: txn.Success})
		}}, []string{"a guard that does not hold", "that it has written the transaction"}},
		"one that never lets a guard hold": {foreign{version: "3.6.0", txn: func(*pb.TxnRequest) (*pb.TxnResponse, error) {
			return &pb.TxnResponse{Header: &pb.ResponseHeader{}}, nil
		}}, []string{"that a guard does not hold, although it does"}},
		"one that ignores nested transactions": {foreign{version: "3.6.0", txn: func(txn *pb.TxnRequest) (*pb.TxnResponse, error) {
			return &pb.TxnResponse{Header: &pb.ResponseHeader{}, Succeeded: len(txn.Compare) == 3}, nil
		}}, []string{"something other than the results of the nested transactions"}},
		"one whose watch does not say how far it is": {foreign{version: "3.6.0", txn: understands}, []string{"how far a watch is", "although the watch runs"}},
		"etcd before 3.5.13":                         {foreign{version: "3.5.12", txn: understands, progress: true}, []string{"3.5.12", "too old"}},
		"etcd 3.4 before 3.4.31":                     {foreign{version: "3.4.30", txn: understands, progress: true}, []string{"3.4.30", "too old"}},
		"a text that is not a version":               {foreign{version: "newest", txn: understands, progress: true}, []string{"newest"}},
		"etcd 3.5.13 is fit":                         {foreign{version: "3.5.13", txn: understands, progress: true}, nil},
		"etcd 3.4.31 is fit":                         {foreign{version: "3.4.31", txn: understands, progress: true}, nil},
		"a release candidate of etcd 3.7 is fit":     {foreign{version: "3.7.0-rc.0", txn: understands, progress: true}, nil},
		"a full etcd is fit": {foreign{version: "3.7.0", progress: true, txn: func(txn *pb.TxnRequest) (*pb.TxnResponse, error) {
			if len(txn.Compare) > 3 {
				return nil, rpctypes.ErrGRPCNoSpace
			}
			return understands(txn)
		}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := c.store.serve(t)
			err := etcd.Check(withDeadline(t), connect(t, server), "/muster")
			if c.says == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, etcd.ErrUnfit)
			require.ErrorContains(t, err, server)
			for _, says := range c.says {
				require.ErrorContains(t, err, says)
			}
		})
	}
}

func TestEveryMemberThatAnswersMustBeFit(t *testing.T) {
	t.Parallel()
	good := "http://" + etcdtest.Start(t).Address()
	old := (&foreign{version: "3.4.0", txn: understands, progress: true}).serve(t)
	err := etcd.Check(withDeadline(t), connect(t, good, old), "/muster")
	require.ErrorIs(t, err, etcd.ErrUnfit)
	require.ErrorContains(t, err, "3.4.0")
	stranger := (&foreign{version: "3.6.0", cluster: 9, txn: understands, progress: true}).serve(t)
	err = etcd.Check(withDeadline(t), connect(t, good, stranger), "/muster")
	require.ErrorIs(t, err, etcd.ErrUnfit)
	require.ErrorContains(t, err, "different clusters")
}

// dead returns the URL of a port on which nothing listens.
func dead(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

func TestAStoreThatDoesNotAnswerMayStillBeFit(t *testing.T) {
	t.Parallel()
	stalled := flakyproxy.Start(t, etcdtest.Start(t).Address())
	stalled.Stall()
	for name, c := range map[string]struct{ server, says string }{
		"nothing listens":   {dead(t), "connection refused"},
		"no answer arrives": {"http://" + stalled.Address, "deadline exceeded"},
	} {
		server := c.server
		err := etcd.Check(withDeadline(t), connect(t, server), "/muster")
		require.ErrorContains(t, err, c.says, name)
		require.NotErrorIs(t, err, etcd.ErrUnfit, name)
		require.ErrorContains(t, err, server, name)
	}
}

// TestMembersThatAreDownDelayNothing names the members that are down first.
func TestMembersThatAreDownDelayNothing(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	stalled := flakyproxy.Start(t, server.Address())
	stalled.Stall()
	begun := time.Now()
	client := connect(t, dead(t), "http://"+stalled.Address, "http://"+server.Address())
	require.NoError(t, etcd.Check(ctx, client, "/muster"))
	log := etcd.New(client, "/muster")
	for range 50 {
		commit(ctx, t, log, put("a"))
	}
	require.Less(t, time.Since(begun), 3*time.Second)
}
