// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"net"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"

	"github.com/musterfleet/muster/pkg/controller"
	"github.com/musterfleet/muster/pkg/controller/loops"
	"github.com/musterfleet/muster/pkg/registry"
)

// control runs the controllers until ctx ends, except those that need more of a core API than
// coreapi serves. One process needs no election.
func control(ctx context.Context, pipeline *registry.Pipeline, api *rest.Config) error {
	// Connections that stay open would delay the stop by a second.
	connections := connrotation.NewDialer(new(net.Dialer).DialContext)
	defer connections.CloseAll()
	api = rest.CopyConfig(api)
	api.Dial = connections.DialContext
	m := controller.NewManager(controller.Options{})
	parts := loops.Parts{Engine: pipeline.Engine, Log: pipeline.Log, Fleet: api, Core: api, Alone: true, Controllers: loops.DefaultChosen()}
	if err := loops.Add(m, parts); err != nil {
		return err
	}
	return m.Run(ctx)
}
