// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// StatusOf asks one member for its status, once. The client itself would retry until the
// timeout, and its error would not say what is wrong with the connection. An empty server
// stands for a client in etcd's own process.
func StatusOf(ctx context.Context, client *clientv3.Client, server string) (*pb.StatusResponse, error) {
	if server == "" {
		response, err := client.Status(ctx, server)
		return (*pb.StatusResponse)(response), err
	}
	connection, err := client.Dial(server)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	response, err := pb.NewMaintenanceClient(connection).Status(ctx, &pb.StatusRequest{})
	return response, clientv3.ContextError(ctx, err)
}
