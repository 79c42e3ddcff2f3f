// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/cmd/muster/app/coreapi"
	"github.com/musterfleet/muster/cmd/muster/app/datadir"
	"github.com/musterfleet/muster/cmd/muster/app/embedded"
	"github.com/musterfleet/muster/cmd/muster/app/pki"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/engine"
	etcdlog "github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/metrics/fleetmetrics"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/registry/storage"
)

const (
	// drainTimeout bounds how long a stop waits for requests in flight.
	drainTimeout = 10 * time.Second
	// readyPoll is how often a start asks its own /readyz.
	readyPoll = 25 * time.Millisecond
	// compactInterval is the default of kube-apiserver.
	compactInterval = 5 * time.Minute
)

// Run runs Muster until ctx ends. It returns nil if Muster stopped cleanly. An error is one
// line that an operator can act on.
//
// It locks the directory and takes the port before it changes anything on disk, so that a
// second start by mistake does not disturb the first.
func Run(ctx context.Context, options *Options) error {
	address, err := options.address()
	if err != nil {
		return err
	}
	dir, err := datadir.Open(options.DataDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	listener, err := listen(ctx, address, options.SecurePort)
	if err != nil {
		return err
	}
	defer listener.Close()
	certs, err := pki.Load(dir.PKI(), address, time.Now())
	if err != nil {
		return err
	}
	etcd, err := embedded.Start(ctx, dir.Etcd(), dir.EtcdLog(), options.AdjustEtcd)
	if err != nil {
		return stoppedBy(ctx, err)
	}
	return errors.Join(serve(ctx, options, dir, listener, certs, etcd), etcd.Close())
}

// serve runs everything above etcd until ctx ends, and waits for all of it to end.
func serve(ctx context.Context, options *Options, dir *datadir.Dir, listener net.Listener, certs *pki.Certificates, etcd *embedded.Etcd) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		select {
		case <-etcd.Failed():
			cancel(errEtcdEnded)
		case <-etcd.Stopped():
			cancel(errEtcdStopped)
		case <-ctx.Done():
		}
	})

	wired := registry.Config{
		Client: etcd.Client, Engine: engine.DefaultOptions(),
		Reports: storage.NewAllowance(storage.DefaultReportRate, storage.DefaultReportBurst),
	}
	if options.AdjustRegistry != nil {
		options.AdjustRegistry(&wired)
	}
	pipeline := registry.New(wired)
	config, err := serverConfig(listener, certs)
	if err != nil {
		return err
	}
	stored, err := coreapi.NewStored(etcd.Client)
	if err != nil {
		return err
	}
	core := stored.Storage()
	core["namespaces"] = coreapi.NewNamespaces(pipeline.Engine.Barrier, stored, pki.DefaultNamespace)
	api, err := pipeline.NewServer(server.Config{Generic: config, Core: core})
	if err != nil {
		return err
	}
	coreapi.InstallReviews(api.Handler.NonGoRestfulMux, config.Authorization.Authorizer)
	api.Handler.NonGoRestfulMux.Handle(fleetmetrics.Path, fleetmetrics.New(pipeline.Engine, fleetmetrics.Options{BundleDeployments: fleetmetrics.DefaultBundleDeployments}))
	api.ShutdownTimeout = drainTimeout
	endpoint := endpointOf(listener.Addr())
	if err := pki.WriteKubeconfig(dir.Kubeconfig(), endpoint, certs); err != nil {
		return datadir.Unusable(dir.Path, err)
	}

	// Requests in flight are answered after ctx has ended: the engine outlives it.
	following, endEngine := context.WithCancel(context.WithoutCancel(ctx))
	var engineRuns sync.WaitGroup
	defer engineRuns.Wait()
	defer endEngine()
	engineRuns.Go(func() { pipeline.Run(following) })

	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel(nil)
	tasks.Go(func() { etcdlog.Compact(ctx, etcd.Client, compactInterval, engine.DefaultOptions().History.Window) })
	if !options.WithoutControllers {
		tasks.Go(func() {
			if err := control(ctx, pipeline, api.LoopbackClientConfig); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%w: %w", errControllers, err))
			}
		})
	}
	tasks.Go(func() {
		if waitReady(ctx, api.LoopbackClientConfig) == nil {
			fmt.Fprintf(options.Out, "muster is ready on %s - try: kubectl --kubeconfig %s get clusters -A\n", endpoint, dir.Kubeconfig())
		}
	})
	if err := api.PrepareRun().RunWithContext(ctx); err != nil {
		return err
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errEtcdEnded):
		return etcd.Err()
	case errors.Is(cause, errEtcdStopped):
		return fmt.Errorf("%w: see its log %s", errEtcdStopped, dir.EtcdLog())
	case errors.Is(cause, errControllers):
		return cause
	}
	return nil
}

var (
	errEtcdEnded   = errors.New("the embedded etcd cannot continue")
	errEtcdStopped = errors.New("the embedded etcd has stopped by itself")
	errControllers = errors.New("the controllers do not start")
)

// waitReady blocks until /readyz answers ok. It asks over the network, as a client does.
func waitReady(ctx context.Context, loopback *rest.Config) error {
	config := rest.CopyConfig(loopback)
	config.NegotiatedSerializer = server.Codecs
	connection, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	// A connection that stays open would delay the stop by a second. The client's own
	// method does not look through the wrapper that adds the token.
	defer utilnet.CloseIdleConnectionsFor(connection.Transport)
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, connection)
	if err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		return client.Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	})
}

// stoppedBy returns nil if err only says that ctx has ended, otherwise err: a stop during the
// start is no failure.
func stoppedBy(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}
