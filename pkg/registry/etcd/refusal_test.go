// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestOnlyDefiniteAnswersOfEtcdAreRefusals(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct {
		answer error
		means  error // nil: the write may have happened
	}{
		"the request is too large":              {rpctypes.ErrRequestTooLarge, etcd.ErrTooLarge},
		"it is too long to be sent":             {status.Error(codes.ResourceExhausted, "trying to send message larger than max (3000000 vs. 2097152)"), etcd.ErrTooLarge},
		"too many operations":                   {rpctypes.ErrTooManyOps, etcd.ErrTooManyOps},
		"too many requests":                     {rpctypes.ErrTooManyRequests, etcd.ErrRefused},
		"a record is put twice":                 {rpctypes.ErrDuplicateKey, etcd.ErrRefused},
		"another cluster":                       {rpctypes.ErrClusterIDMismatch, etcd.ErrRefused},
		"a learner":                             {status.Error(codes.FailedPrecondition, "etcdserver: rpc not supported for learner"), etcd.ErrRefused},
		"a member that is corrupt":              {rpctypes.ErrCorrupt, etcd.ErrRefused},
		"a method that does not exist":          {status.Error(codes.Unimplemented, "unknown method Txn"), etcd.ErrRefused},
		"no user":                               {rpctypes.ErrUserEmpty, etcd.ErrDenied},
		"a wrong password":                      {rpctypes.ErrAuthFailed, etcd.ErrDenied},
		"no permission":                         {rpctypes.ErrPermissionDenied, etcd.ErrDenied},
		"an invalid token":                      {rpctypes.ErrInvalidAuthToken, etcd.ErrDenied},
		"a proxy that wants a certificate":      {status.Error(codes.Unauthenticated, "certificate required"), etcd.ErrDenied},
		"the answer is too long to be received": {status.Error(codes.ResourceExhausted, "grpc: received message larger than max (3000000 vs. 2097152)"), nil},
		"no leader":                             {rpctypes.ErrNoLeader, nil},
		"the leader has changed":                {rpctypes.ErrLeaderChanged, nil},
		"the member stops":                      {rpctypes.ErrStopped, nil},
		"the member gives up waiting":           {rpctypes.ErrTimeout, nil},
		"the member lost its leader":            {rpctypes.ErrTimeoutDueToLeaderFail, nil},
		"the member lost a connection":          {rpctypes.ErrTimeoutDueToConnectionLost, nil},
		"the connection broke":                  {status.Error(codes.Unavailable, "error reading from server: EOF"), nil},
		"the time is up":                        {context.DeadlineExceeded, nil},
		"the time is up, as gRPC says it":       {status.Error(codes.DeadlineExceeded, "context deadline exceeded"), nil},
		"the caller has given up":               {context.Canceled, nil},
		"an error of no known kind":             {errors.New("x"), nil},
	} {
		for _, wrapped := range []error{c.answer, fmt.Errorf("commit: %w", c.answer)} {
			require.Equal(t, c.means, etcd.Refusal(wrapped), title)
		}
	}
}

// TestRefusalsOfARealEtcdAreRecognized uses a real etcd at its default limits, and checks that
// nothing was written.
func TestRefusalsOfARealEtcdAreRecognized(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	guards := put("a")
	guards.Unchanged = map[record.Key]int64{}
	for i := range 200 {
		guards.Unchanged[key(fmt.Sprint(i))] = 0
	}
	large := etcd.Txn{Put: map[record.Key][]byte{key("a"): []byte(strings.Repeat("x", 1700<<10))}}
	longer := etcd.Txn{Put: map[record.Key][]byte{key("a"): []byte(strings.Repeat("x", 3<<20))}}
	small := put("a")

	root := server.Client
	as := func(user string) *clientv3.Client {
		client, err := clientv3.New(clientv3.Config{Endpoints: []string{server.Address()}, Logger: zap.NewNop(), Username: user, Password: user})
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	type try struct {
		client *clientv3.Client
		txn    etcd.Txn
		means  error
	}
	requireRefused := func(title string, c try) {
		t.Helper()
		for way, commit := range map[string]func(*etcd.Log, context.Context, etcd.Txn) (int64, bool, error){"alone": (*etcd.Log).Commit, "together": (*etcd.Log).CommitTogether} {
			_, ok, err := commit(etcd.New(c.client, "/muster"), ctx, c.txn)
			require.False(t, ok, "%s, %s", title, way)
			require.ErrorIs(t, err, c.means, "%s, %s", title, way)
		}
	}
	for title, c := range map[string]try{
		"too many operations":                   {root, guards, etcd.ErrTooManyOps},
		"too many operations, in the process":   {server.Embedded, guards, etcd.ErrTooManyOps},
		"a request that is too large":           {root, large, etcd.ErrTooLarge},
		"one that is too large, in the process": {server.Embedded, large, etcd.ErrTooLarge},
		"a request that is too long to be sent": {root, longer, etcd.ErrTooLarge},
	} {
		requireRefused(title, c)
	}
	for _, err := range []error{
		second(root.UserAdd(ctx, "root", "root")), second(root.RoleAdd(ctx, "root")), second(root.UserGrantRole(ctx, "root", "root")),
		second(root.UserAdd(ctx, "reader", "reader")), second(root.RoleAdd(ctx, "reader")), second(root.UserGrantRole(ctx, "reader", "reader")),
		second(root.RoleGrantPermission(ctx, "reader", "/", "0", clientv3.PermissionType(clientv3.PermRead))),
		second(root.AuthEnable(ctx)),
	} {
		require.NoError(t, err)
	}
	requireRefused("no user", try{root, small, etcd.ErrDenied})
	requireRefused("a user that may only read", try{as("reader"), small, etcd.ErrDenied})
	got, err := as("root").Get(ctx, "/muster", clientv3.WithPrefix())
	require.NoError(t, err)
	require.Empty(t, got.Kvs)
}

func second[T any](_ T, err error) error { return err }
