// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package allinone

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/musterfleet/muster/pkg/registry/endpoints"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// Backend starts the engine on an etcd, and gives what the server serves:
//
//   - storage, the REST storages by resource ("bundles", "bundles/status", ...);
//   - ready, which answers nil while reads are right, else what is missing. It is
//     asked on each /readyz, so it must be cheap;
//   - stop, which ends the engine and returns when it has let go of etcd. It is
//     called after the last request has been answered.
//
// It may return before the engine is ready. ctx ends after stop has returned, or if
// the process is to stop before Backend has returned.
type Backend func(ctx context.Context, etcd *clientv3.Client) (storage map[string]rest.Storage, ready func() error, stop func(), err error)

// logPrefix is below which all facts are.
const logPrefix = "/muster"

// Engine is the Backend that Run uses unless its options name another.
func Engine(_ context.Context, client *clientv3.Client) (map[string]rest.Storage, func() error, func(), error) {
	log := etcd.New(client, logPrefix)
	e := engine.New(log, engine.DefaultOptions())
	storages, err := endpoints.New(endpoints.Config{Engine: e, Log: log, Scheme: server.Scheme, Codecs: server.Codecs})
	if err != nil {
		return nil, nil, nil, err
	}
	// Requests in flight need the engine to the last: it ends with stop, not with
	// the context of the process.
	running, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Run(running) // it ends only with its context
	}()
	stop := func() {
		cancel()
		<-done
	}
	return storages, e.Ready, stop, nil
}
