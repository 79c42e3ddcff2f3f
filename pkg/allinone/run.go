// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package allinone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	apirest "k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/registry/storage"
)

const (
	// DefaultDataDir, DefaultBindAddress and DefaultSecurePort are what a start
	// without options uses.
	DefaultDataDir     = ".muster"
	DefaultBindAddress = "127.0.0.1"
	DefaultSecurePort  = 7443

	// drainTimeout is how long a stop waits for requests in flight.
	drainTimeout = 10 * time.Second
	// readyPoll is how often a start asks its own /readyz.
	readyPoll = 25 * time.Millisecond
	// maxStreams is how many requests and watches one connection may carry; client
	// libraries put all of a process on one.
	maxStreams = 1000
)

// Options is what a person may choose.
type Options struct {
	// DataDir holds all state. It is made if it is missing.
	DataDir string
	// BindAddress is the IP address to listen on.
	BindAddress string
	// SecurePort is the port to listen on; 0 takes a free one.
	SecurePort int
	// Out gets the one line that says that Muster is ready.
	Out io.Writer

	// AdjustEtcd, AdjustRegistry and WithoutControllers are for tests alone. The first two
	// change how the embedded etcd and the registry are set up; nil changes nothing.
	AdjustEtcd         func(*embed.Config)
	AdjustRegistry     func(*registry.Config)
	WithoutControllers bool
}

// WithoutSync has etcd not wait for the disk, and lose what was acknowledged if the
// machine goes down. It is for tests: where many run, the disk can take longer than etcd
// waits, and a write then fails that should not.
func WithoutSync(config *embed.Config) { config.UnsafeNoFsync = true }

// Run runs Muster until ctx ends, and answers nil if it then stopped cleanly.
// Errors of the start are one line each, fit for a person.
//
// The order is: lock the directory, take the port, then change anything on disk.
// So a second start, by mistake, leaves the first alone.
func Run(ctx context.Context, options Options) error {
	address, err := options.address()
	if err != nil {
		return err
	}
	dir, err := openDataDir(options.DataDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	listener, err := listen(ctx, address, options.SecurePort)
	if err != nil {
		return err
	}
	defer listener.Close()
	certs, err := loadCertificates(dir.pki(), address, time.Now())
	if err != nil {
		return err
	}
	etcd, err := startEtcd(ctx, dir.etcd(), dir.etcdLog(), options.AdjustEtcd)
	if err != nil {
		return stoppedBy(ctx, err)
	}
	return errors.Join(serve(ctx, options, dir, listener, certs, etcd), etcd.Close())
}

// serve runs everything above etcd, and returns when all of it has ended.
func serve(ctx context.Context, options Options, dir *dataDir, listener net.Listener, certs *certificates, etcd *embeddedEtcd) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		select {
		case <-etcd.fate.Sealed():
			cancel(errEtcdEnded)
		case <-etcd.Stopped():
			cancel(errEtcdStopped)
		case <-ctx.Done():
		}
	})

	wired := registry.Config{
		Client: etcd.client, Engine: engine.DefaultOptions(),
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
	core := map[string]apirest.Storage{"namespaces": newNamespaces(pipeline.Engine.Barrier)}
	api, err := pipeline.NewServer(server.Config{Generic: config, Core: core})
	if err != nil {
		return err
	}
	installReviews(api.Handler.NonGoRestfulMux, config.Authorization.Authorizer)
	api.ShutdownTimeout = drainTimeout
	endpoint := endpointOf(listener.Addr())
	if err := writeKubeconfig(dir.kubeconfig(), endpoint, certs); err != nil {
		return unusable(dir.path, err)
	}

	// The engine outlives ctx: requests in flight need it until they are answered.
	following, endEngine := context.WithCancel(context.WithoutCancel(ctx))
	var engineRuns sync.WaitGroup
	defer engineRuns.Wait()
	defer endEngine()
	engineRuns.Go(func() { pipeline.Run(following) })

	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel(nil)
	tasks.Go(func() { compact(ctx, etcd.client) })
	if !options.WithoutControllers {
		tasks.Go(func() {
			if err := control(ctx, pipeline, api.LoopbackClientConfig); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%w: %w", errControllers, err))
			}
		})
	}
	tasks.Go(func() {
		if waitReady(ctx, api.LoopbackClientConfig) == nil {
			fmt.Fprintf(options.Out, "muster is ready on %s - try: kubectl --kubeconfig %s get clusters -A\n", endpoint, dir.kubeconfig())
		}
	})
	if err := api.PrepareRun().RunWithContext(ctx); err != nil {
		return err
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errEtcdEnded):
		return etcd.fate.Err()
	case errors.Is(cause, errEtcdStopped):
		return fmt.Errorf("%w: see its log %s", errEtcdStopped, dir.etcdLog())
	case errors.Is(cause, errControllers):
		return cause
	}
	return nil
}

var (
	errEtcdEnded   = errors.New("the embedded etcd cannot go on")
	errEtcdStopped = errors.New("the embedded etcd has stopped by itself")
	errControllers = errors.New("the controllers do not start")
)

// serverConfig is the configuration of the API server for this machine: our own
// authority's certificates, masters only. There is no admission to configure, no
// Kubernetes API to delegate to, and priority and fairness needs one; the limits
// on requests in flight do its work.
func serverConfig(listener net.Listener, certs *certificates) (*genericapiserver.Config, error) {
	authority, err := dynamiccertificates.NewStaticCAContent("muster-ca", certs.authority)
	if err != nil {
		return nil, err
	}
	serving, err := dynamiccertificates.NewStaticCertKeyContent("muster-serving", certs.server, certs.serverKey)
	if err != nil {
		return nil, err
	}
	config := server.NewConfig()
	secure := &options.SecureServingOptions{
		Listener:                     listener,
		HTTP2MaxStreamsPerConnection: maxStreams,
	}
	secure.ServerCert.GeneratedCert = serving
	if err := secure.WithLoopback().ApplyTo(&config.SecureServing, &config.LoopbackClientConfig); err != nil {
		return nil, err
	}
	if err := config.Authentication.ApplyClientCert(authority, config.SecureServing); err != nil {
		return nil, err
	}
	config.Authentication.Authenticator = clientCertificates(authority)
	config.Authorization.Authorizer = mastersOnly()
	return config, nil
}

// waitReady returns nil once /readyz has answered ok, over the network as a
// client would ask.
func waitReady(ctx context.Context, loopback *rest.Config) error {
	config := rest.CopyConfig(loopback)
	config.NegotiatedSerializer = server.Codecs
	connection, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	// A connection that is left open makes the stop take a second longer. The
	// client's own method does not see through the wrapper that adds the token.
	defer utilnet.CloseIdleConnectionsFor(connection.Transport)
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, connection)
	if err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		return client.Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	})
}

// address checks the options that a person gives.
func (o Options) address() (net.IP, error) {
	if o.SecurePort < 0 || o.SecurePort > 65535 {
		return nil, fmt.Errorf("--secure-port %d is not a port: give one between 1 and 65535, or 0 for a free one", o.SecurePort)
	}
	address := net.ParseIP(o.BindAddress)
	if address == nil {
		return nil, fmt.Errorf("--bind-address %q is not an IP address: give one such as %s", o.BindAddress, DefaultBindAddress)
	}
	return address, nil
}

func listen(ctx context.Context, address net.IP, port int) (net.Listener, error) {
	at := net.JoinHostPort(address.String(), strconv.Itoa(port))
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is taken by another program: stop that, or give another port with --secure-port", at)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is not an address of this machine: give one that is with --bind-address", address)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("you may not listen on %s: give a port above 1023 with --secure-port", at)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s: %w", at, err)
	}
	return listener, nil
}

// endpointOf is the URL under which this machine reaches the listener.
func endpointOf(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return "https://" + address.String()
	}
	host := tcp.IP
	switch {
	case host.Equal(net.IPv4zero), host == nil:
		host = net.IPv4(127, 0, 0, 1)
	case host.Equal(net.IPv6zero):
		// The unspecified address of IPv6 accepts IPv4 too, and not every machine
		// has an IPv6 loopback.
		host = net.IPv4(127, 0, 0, 1)
	}
	return "https://" + net.JoinHostPort(host.String(), strconv.Itoa(tcp.Port))
}

// stoppedBy answers nil if err only says that ctx has ended: a start that was
// asked to stop has not failed.
func stoppedBy(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}
