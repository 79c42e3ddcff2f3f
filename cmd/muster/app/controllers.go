// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"

	"github.com/musterfleet/muster/pkg/controller"
	"github.com/musterfleet/muster/pkg/controller/loops"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// compactInterval is kube-apiserver's.
const compactInterval = 5 * time.Minute

// compact forgets old revisions, which no kube-apiserver does for us.
func compact(ctx context.Context, client *clientv3.Client) {
	etcd.Compact(ctx, client, compactInterval, engine.DefaultOptions().History.Window)
}

// control runs the controllers that can do without a core API. One process needs no
// election.
func control(ctx context.Context, pipeline *registry.Pipeline, api *rest.Config) error {
	// Connections that are left open would make the stop take a second longer.
	connections := connrotation.NewDialer(new(net.Dialer).DialContext)
	defer connections.CloseAll()
	api = rest.CopyConfig(api)
	api.Dial = connections.DialContext
	m := controller.NewManager(controller.Options{})
	if err := loops.Add(m, loops.Parts{Engine: pipeline.Engine, Log: pipeline.Log, Fleet: api}); err != nil {
		return err
	}
	return m.Run(ctx)
}
