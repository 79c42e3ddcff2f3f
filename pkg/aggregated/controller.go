// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregated

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/util/sets"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller"
	"github.com/musterfleet/muster/pkg/controller/loops"
	"github.com/musterfleet/muster/pkg/garbage"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// drainWithin is how long an end waits for who asks for health or metrics.
const drainWithin = 2 * time.Second

// RunController runs muster-controller until ctx ends, and answers nil if it then
// stopped cleanly. It follows etcd from the start, also while another process leads:
// so it works at once when it does.
func RunController(ctx context.Context, o *ControllerOptions) error {
	if err := o.Validate(); err != nil {
		return err
	}
	kube, err := kubeconfig(o.CoreAPI.CoreAPIKubeconfigPath)
	if err != nil {
		return err
	}
	client, err := o.Etcd.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return o.control(ctx, kube, client)
}

// kubeconfig is the way to kube-apiserver.
func kubeconfig(path string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig, or the pod's service account if it is empty: %w", err)
	}
	return config, nil
}

// control runs everything above etcd, and returns when all of it has ended.
func (o *ControllerOptions) control(ctx context.Context, kube *rest.Config, client *clientv3.Client) error {
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer end()

	keys, err := o.Encryption.Load(background, "muster-controller")
	if err != nil {
		return err
	}
	garbage.Limit()
	pipeline := registry.New(registry.Config{Client: client, Prefix: o.Etcd.Prefix, Encryption: keys.Option(), Engine: engine.DefaultOptions()})

	var chosen controller.Options
	checks := []healthz.HealthChecker{healthz.PingHealthz}
	if o.Election.LeaderElect {
		elected, err := o.electing(kube)
		if err != nil {
			return err
		}
		chosen.Elect = elected.Elect
		checks = append(checks, healthz.NamedCheck("leader-election", func(*http.Request) error { return elected.Check() }))
	}
	manager := controller.NewManager(chosen)
	if err := loops.Add(manager, loops.Parts{Engine: pipeline.Engine, Log: pipeline.Log, Fleet: kube, Core: kube, AgentAccess: o.AgentAccess, Schedules: o.Schedules}); err != nil {
		return err
	}
	ready := append(checks[:len(checks):len(checks)],
		healthz.NamedCheck("engine", func(*http.Request) error { return pipeline.Engine.Ready() }),
		healthz.NamedCheck("controllers", func(*http.Request) error { return manager.Check() }))
	ready = append(ready, keys.Checks...)
	stopped, err := o.tell(background, kube, checks, ready)
	if err != nil {
		return err
	}
	tasks.Go(func() { <-stopped })
	tasks.Go(func() { pipeline.Run(background) })
	tasks.Go(func() { keys.Follow(background) })
	klog.InfoS("Muster's controllers start", "version", server.Version(), "etcd", o.Etcd.Servers, "prefix", o.Etcd.Prefix, "kubernetes", kube.Host)
	return manager.Run(ctx)
}

// electing prepares the election by a Lease.
func (o *ControllerOptions) electing(kube *rest.Config) (*controller.Elected, error) {
	// Of its own, so that no other request is in the way of a renewal.
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

// tell serves health and metrics. The channel is closed when the last is served,
// after ctx has ended.
func (o *ControllerOptions) tell(ctx context.Context, kube *rest.Config, live, ready []healthz.HealthChecker) (<-chan struct{}, error) {
	none := make(chan struct{})
	close(none)
	if o.Serving.BindPort == 0 && o.Serving.Listener == nil {
		return none, nil
	}
	if err := o.Serving.MaybeDefaultWithSelfSignedCerts("localhost", nil, loopback); err != nil {
		return nil, fmt.Errorf("secure serving: %w", err)
	}
	var serving *genericapiserver.SecureServingInfo
	if err := o.Serving.ApplyTo(&serving); err != nil {
		return nil, fmt.Errorf("secure serving (--bind-address, --secure-port, --tls-cert-file): %w", err)
	}
	handler, err := o.guarded(serving, kube, routes(live, ready))
	if err != nil {
		return nil, err
	}
	stopped, _, err := serving.Serve(handler, drainWithin, ctx.Done())
	if err != nil {
		return nil, fmt.Errorf("secure serving: %w", err)
	}
	return stopped, nil
}

func routes(live, ready []healthz.HealthChecker) http.Handler {
	all := mux.NewPathRecorderMux("muster-controller")
	healthz.InstallHandler(all, live...)
	healthz.InstallLivezHandler(all, live...)
	healthz.InstallReadyzHandler(all, ready...)
	all.Handle("/metrics", legacyregistry.Handler())
	return all
}

// guarded asks kube-apiserver who asks, and whether they may.
func (o *ControllerOptions) guarded(serving *genericapiserver.SecureServingInfo, kube *rest.Config, handler http.Handler) (http.Handler, error) {
	authentication, authorization := *o.Authentication, *o.Authorization
	// Whoever gives --kubeconfig alone means it for everything.
	if path := o.CoreAPI.CoreAPIKubeconfigPath; path != "" {
		authentication.RemoteKubeConfigFile = orElse(authentication.RemoteKubeConfigFile, path)
		authorization.RemoteKubeConfigFile = orElse(authorization.RemoteKubeConfigFile, path)
	}
	// Only bearer tokens: a certificate of the front proxy has nothing to do here.
	authentication.SkipInClusterLookup = true
	var authenticated genericapiserver.AuthenticationInfo
	if err := authentication.ApplyTo(&authenticated, serving, nil); err != nil {
		return nil, fmt.Errorf("authentication (--authentication-kubeconfig): %w", err)
	}
	var authorized genericapiserver.AuthorizationInfo
	if err := authorization.ApplyTo(&authorized); err != nil {
		return nil, fmt.Errorf("authorization (--authorization-kubeconfig): %w", err)
	}
	if authorized.Authorizer == nil || authenticated.Authenticator == nil {
		return nil, errors.New("nobody can be asked who may read metrics: give --kubeconfig")
	}
	resolver := &request.RequestInfoFactory{APIPrefixes: sets.NewString(), GrouplessAPIPrefixes: sets.NewString()}
	handler = genericapifilters.WithAuthorization(handler, authorized.Authorizer, server.Codecs)
	failed := genericapifilters.Unauthorized(server.Codecs)
	handler = genericapifilters.WithAuthentication(handler, authenticated.Authenticator, failed, nil, nil)
	handler = genericapifilters.WithRequestInfo(handler, resolver)
	handler = genericapifilters.WithCacheControl(handler)
	return genericfilters.WithPanicRecovery(handler, resolver), nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
