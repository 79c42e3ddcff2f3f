// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	genericapifilters "k8s.io/apiserver/pkg/endpoints/filters"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/mux"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/musterfleet/muster/pkg/registry/metrics/fleetmetrics"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// drainWithin bounds how long a stop waits for requests for health or metrics.
const drainWithin = 2 * time.Second

// loopback is the address in the certificate that the process makes for itself.
var loopback = []net.IP{net.IPv4(127, 0, 0, 1)}

// serveHealth serves health and metrics, Fleet's metrics too, until ctx ends. The channel is closed when the
// last request has been answered.
func (o *Options) serveHealth(ctx context.Context, kube *rest.Config, fleet http.Handler, live, ready []healthz.HealthChecker) (<-chan struct{}, error) {
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
	handler, err := o.guarded(serving, kube, routes(fleet, live, ready))
	if err != nil {
		return nil, err
	}
	stopped, _, err := serving.Serve(handler, drainWithin, ctx.Done())
	if err != nil {
		return nil, fmt.Errorf("secure serving: %w", err)
	}
	return stopped, nil
}

func routes(fleet http.Handler, live, ready []healthz.HealthChecker) http.Handler {
	all := mux.NewPathRecorderMux("muster-controller")
	healthz.InstallHandler(all, live...)
	healthz.InstallLivezHandler(all, live...)
	healthz.InstallReadyzHandler(all, ready...)
	all.Handle("/metrics", legacyregistry.Handler())
	all.Handle(fleetmetrics.Path, fleet)
	return all
}

// guarded lets through the requests that kube-apiserver authenticates and authorizes.
func (o *Options) guarded(serving *genericapiserver.SecureServingInfo, kube *rest.Config, handler http.Handler) (http.Handler, error) {
	authentication, authorization := *o.Authentication, *o.Authorization
	// An operator who gives only --kubeconfig means it for all three.
	authentication.RemoteKubeConfigFile = cmp.Or(authentication.RemoteKubeConfigFile, o.CoreAPI.CoreAPIKubeconfigPath)
	authorization.RemoteKubeConfigFile = cmp.Or(authorization.RemoteKubeConfigFile, o.CoreAPI.CoreAPIKubeconfigPath)
	// Clients come with bearer tokens, and none through the front proxy.
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
		return nil, errors.New("no kube-apiserver can decide on the right to read metrics: give --kubeconfig")
	}
	resolver := &request.RequestInfoFactory{APIPrefixes: sets.NewString(), GrouplessAPIPrefixes: sets.NewString()}
	handler = genericapifilters.WithAuthorization(handler, authorized.Authorizer, server.Codecs)
	failed := genericapifilters.Unauthorized(server.Codecs)
	handler = genericapifilters.WithAuthentication(handler, authenticated.Authenticator, failed, nil, nil)
	handler = genericapifilters.WithRequestInfo(handler, resolver)
	handler = genericapifilters.WithCacheControl(handler)
	return genericfilters.WithPanicRecovery(handler, resolver), nil
}
