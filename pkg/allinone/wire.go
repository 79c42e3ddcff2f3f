// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package allinone

import (
	"context"
	"net"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	apirest "k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/connrotation"

	"github.com/musterfleet/muster/pkg/controller"
	"github.com/musterfleet/muster/pkg/controller/loops"
	"github.com/musterfleet/muster/pkg/garbage"
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
	Storage map[string]apirest.Storage
	// Core are those of the core API, which has only what kubectl cannot do
	// without.
	Core map[string]apirest.Storage
	// Ready answers nil while reads are right, else what is missing. It is asked
	// on each /readyz, so it must be cheap.
	Ready func() error
	// Reached answers nil while etcd answers; nil is no check of that.
	Reached func() error
	// Unready returns a context that ends as soon as Ready is not nil; nil is
	// never.
	Unready func() context.Context
	// Control runs the controllers until its context ends, which is before Stop is
	// called; api is the way to the server itself. nil is none.
	Control func(ctx context.Context, api *rest.Config) error
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
	etcd.Compact(ctx, client, compactInterval, engine.DefaultOptions().History.Window)
}

// Engine is the Backend that Run uses unless its options name another.
func Engine(_ context.Context, client *clientv3.Client) (*Served, error) {
	shown, activity := metrics.Process(), new(storage.Activity)
	log := etcd.New(client, logPrefix, etcd.GroupsObservedBy(shown.Groups()))
	options := engine.DefaultOptions()
	options.Observers = shown.Observers()
	garbage.Limit()
	e := engine.New(log, options)
	storages, err := endpoints.New(endpoints.Config{
		Engine: e, Log: log, Scheme: server.Scheme, Codecs: server.Codecs, Activity: activity,
		Reports: storage.NewAllowance(storage.DefaultReportRate, storage.DefaultReportBurst),
	})
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
		Core:    map[string]apirest.Storage{"namespaces": newNamespaces(e.Barrier)},
		Ready:   e.Ready,
		Reached: e.Reached,
		Unready: e.Unready,
		Control: func(ctx context.Context, api *rest.Config) error { return control(ctx, e, log, api) },
		Stop:    stop,
	}, nil
}

// control runs the controllers that can do without a core API. One process needs no
// election.
func control(ctx context.Context, e *engine.Engine, log *etcd.Log, api *rest.Config) error {
	// Connections that are left open would make the stop take a second longer.
	connections := connrotation.NewDialer(new(net.Dialer).DialContext)
	defer connections.CloseAll()
	api = rest.CopyConfig(api)
	api.Dial = connections.DialContext
	m := controller.NewManager(controller.Options{})
	if err := loops.Add(m, loops.Parts{Engine: e, Log: log, Fleet: api}); err != nil {
		return err
	}
	return m.Run(ctx)
}
