// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/certificates"
	"github.com/musterfleet/muster/pkg/controller"
	"github.com/musterfleet/muster/pkg/controller/loops"
	"github.com/musterfleet/muster/pkg/garbage"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/metrics/fleetmetrics"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/restore"
)

// Run runs muster-controller until ctx ends. It returns nil if it stopped cleanly. It
// follows etcd from the start, even while another process leads, so that it can work as
// soon as it leads itself.
func Run(ctx context.Context, o *Options) error {
	if err := o.Validate(); err != nil {
		return err
	}
	kube, err := clientcmd.BuildConfigFromFlags("", o.CoreAPI.CoreAPIKubeconfigPath)
	if err != nil {
		return fmt.Errorf("--kubeconfig, or the pod's service account if it is empty: %w", err)
	}
	expiring := certificates.New(o.certificates()...)
	defer expiring.Start(ctx)() // before the connection to etcd, which may refuse an expired one
	client, err := o.Etcd.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return o.control(ctx, kube, client, expiring.Check())
}

// certificates returns the certificates of files that the process uses.
func (o *Options) certificates() []certificates.Certificate {
	out := o.Etcd.Certificates()
	if file := o.Serving.ServerCert.CertKey.CertFile; file != "" {
		out = append(out, certificates.File("serving", "--tls-cert-file", file))
	}
	return out
}

// control runs everything above etcd until ctx ends, and waits for all of it to end. informs
// is a check that always passes: it adds a message to /readyz?verbose.
func (o *Options) control(ctx context.Context, kube *rest.Config, client *clientv3.Client, informs healthz.HealthChecker) error {
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer end()

	keys, err := o.Encryption.Load(background, "muster-controller")
	if err != nil {
		return err
	}
	garbage.Limit()
	options := engine.DefaultOptions()
	lease, err := restore.New(o.Restore, kube)
	if err != nil {
		return err
	}
	if err := lease.Apply(ctx, &options); err != nil {
		return err
	}
	pipeline := registry.New(registry.Config{Client: client, Prefix: o.Etcd.Prefix, Encryption: keys.Option(), Engine: options})

	var chosen controller.Options
	shown := o.FleetMetrics
	checks := []healthz.HealthChecker{healthz.PingHealthz}
	if o.Election.LeaderElect {
		elected, err := o.electing(kube)
		if err != nil {
			return err
		}
		term := &term{}
		chosen.Elect = func(ctx context.Context, work func(context.Context)) error {
			return elected.Elect(ctx, term.noting(work))
		}
		shown.Leads = func() bool { return term.lasts() && elected.Check() == nil }
		checks = append(checks, healthz.NamedCheck("leader-election", func(*http.Request) error { return elected.Check() }))
	}
	manager := controller.NewManager(chosen)
	if err := loops.Add(manager, loops.Parts{Engine: pipeline.Engine, Log: pipeline.Log, Fleet: kube, Core: kube, AgentAccess: o.AgentAccess, ClusterProfiles: o.ClusterProfiles, Controllers: o.Controllers}); err != nil {
		return err
	}
	ready := append(checks[:len(checks):len(checks)],
		healthz.NamedCheck("engine", func(*http.Request) error { return pipeline.Engine.Ready() }),
		healthz.NamedCheck("controllers", func(*http.Request) error { return manager.Check() }))
	ready = append(append(ready, keys.Checks...), informs)
	stopped, err := o.serveHealth(background, kube, fleetmetrics.New(pipeline.Engine, shown), checks, ready)
	if err != nil {
		return err
	}
	tasks.Go(func() { <-stopped })
	tasks.Go(func() { pipeline.Run(background) })
	tasks.Go(func() { keys.Follow(background) })
	tasks.Go(func() { lease.Follow(background, pipeline.Engine) })
	klog.InfoS("Muster's controllers start", "version", server.Version(), "etcd", o.Etcd.Servers, "prefix", o.Etcd.Prefix, "kubernetes", kube.Host, "chosen", o.Controllers)
	return manager.Run(ctx)
}

// term remembers whether this process leads.
type term struct {
	work atomic.Pointer[context.Context]
}

// noting returns work that the term notes.
func (t *term) noting(work func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		t.work.Store(&ctx)
		work(ctx)
	}
}

// lasts reports whether the work that was noted last may continue.
func (t *term) lasts() bool {
	ctx := t.work.Load()
	return ctx != nil && (*ctx).Err() == nil
}

// electing prepares an election by a Lease.
func (o *Options) electing(kube *rest.Config) (*controller.Elected, error) {
	// A client of its own, so that no other request delays a renewal.
	config := rest.AddUserAgent(rest.CopyConfig(kube), "leader-election")
	config.Timeout = o.Election.RenewDeadline.Duration / 2
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("client for the leader election: %w", err)
	}
	return controller.Electing(controller.Election{
		Client: client, Namespace: o.Election.ResourceNamespace, Name: o.Election.ResourceName,
		LeaseDuration: o.Election.LeaseDuration.Duration, RenewDeadline: o.Election.RenewDeadline.Duration, RetryPeriod: o.Election.RetryPeriod.Duration,
	})
}
