// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package allinone

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/musterfleet/muster/pkg/registry/endpoints"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/metrics"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/registry/storage"
)

// Backend starts the engine on an etcd. It may return before the engine is ready.
// ctx outlives the requests in flight: it ends after Stop has returned, or when
// the process is to stop before Backend has returned.
type Backend func(ctx context.Context, etcd *clientv3.Client) (*Served, error)

// Served is what a Backend gives the server.
type Served struct {
	// Storage are the REST storages of the group by resource: "bundles",
	// "bundles/status", ...
	Storage map[string]rest.Storage
	// Core are those of the core API, which has only what kubectl cannot do
	// without.
	Core map[string]rest.Storage
	// Ready answers nil while reads are right, else what is missing. It is asked
	// on each /readyz, so it must be cheap.
	Ready func() error
	// Unready returns a channel that is closed as soon as Ready is not nil; nil is
	// never.
	Unready func() <-chan struct{}
	// Stop ends the engine and returns when it has let go of etcd. It is called
	// after the last request has been answered.
	Stop func()
}

// logPrefix is below which all facts are.
const logPrefix = "/muster"

// compactInterval is kube-apiserver's.
const compactInterval = 5 * time.Minute

// compact forgets old revisions, which no kube-apiserver does for us.
func compact(ctx context.Context, client *clientv3.Client) {
	etcd.Compact(ctx, client, compactInterval)
}

// Engine is the Backend that Run uses unless its options name another.
func Engine(_ context.Context, client *clientv3.Client) (*Served, error) {
	log := etcd.New(client, logPrefix)
	shown, activity := metrics.Process(), new(storage.Activity)
	options := engine.DefaultOptions()
	options.Observers = shown.Observers()
	e := engine.New(log, options)
	storages, err := endpoints.New(endpoints.Config{Engine: e, Log: log, Scheme: server.Scheme, Codecs: server.Codecs, Activity: activity})
	if err != nil {
		return nil, err
	}
	hide := shown.Show(e, activity)
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
		hide()
	}
	return &Served{
		Storage: storages,
		Core:    map[string]rest.Storage{"namespaces": newNamespaces(e.Barrier)},
		Ready:   e.Ready,
		Unready: e.Unready,
		Stop:    stop,
	}, nil
}
