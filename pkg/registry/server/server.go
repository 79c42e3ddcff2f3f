// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/informers"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/server/encoding"
)

// The names of checks in /readyz. What they complain of is not shown there, so the names
// have to tell a replica that has lost etcd, where both fail, from one that is warming
// up, where etcd answers.
const (
	readyCheck   = "engine"
	etcdCheck    = "etcd"
	primingCheck = "authentication"
)

// Config is what a server is made of.
type Config struct {
	// Generic comes from NewConfig, completed by the caller.
	Generic *genericapiserver.Config
	// Informers are for admission and delegated rights, and nil where there is no
	// Kubernetes API to watch.
	Informers informers.SharedInformerFactory
	// Storage is what is served, by resource: "bundles", "bundles/status", ...
	Storage map[string]rest.Storage
	// Core is what is served of the core API, where no kube-apiserver does; nil is
	// none of it.
	Core map[string]rest.Storage
	// Ready answers nil while reads are right, else what is missing. It is asked on
	// each /readyz and each request for the group, so it must be cheap.
	Ready func() error
	// Reached answers nil while etcd answers; nil is no check of that.
	Reached func() error
	// Unready returns a context that ends as soon as Ready is not nil; it is taken
	// before Ready is asked. Open watches end then. Nil is never.
	Unready func() context.Context
}

func (c *Config) validate() error {
	switch {
	case c.Generic == nil:
		return errors.New("field Generic is nil: take it from NewConfig")
	case c.Generic.Authentication.Authenticator == nil:
		// A nil authenticator would let everybody in.
		return errors.New("field Generic.Authentication.Authenticator is nil: a server without authentication is not started")
	case c.Generic.Authorization.Authorizer == nil:
		// A nil authoriser would let everybody do everything.
		return errors.New("field Generic.Authorization.Authorizer is nil: a server without authorisation is not started")
	case c.Generic.SecureServing == nil || c.Generic.SecureServing.Cert == nil:
		return errors.New("field Generic.SecureServing has no certificate: a server without TLS is not started")
	case c.Ready == nil:
		return errors.New("field Ready is nil: without it /readyz would promise right answers that nobody vouches for")
	case len(c.Storage) == 0:
		return errors.New("field Storage is empty: there is nothing to serve")
	}
	return nil
}

// New makes the API server. Prepare it and run it with
// PrepareRun().RunWithContext(ctx).
func New(config Config) (*genericapiserver.GenericAPIServer, error) {
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	if listener := config.Generic.SecureServing.Listener; listener != nil {
		config.Generic.SecureServing.Listener = bounded{listener}
	}
	priming := primingOf(config.Generic)
	closeWhile(config.Generic, gate{ready: config.Ready, unready: config.Unready}, sharing{fair.NewLimits()}, priming)
	config.Generic.AddReadyzChecks(healthz.NamedCheck(primingCheck, func(*http.Request) error { return priming.ready() }))
	if config.Reached != nil {
		config.Generic.AddReadyzChecks(healthz.NamedCheck(etcdCheck, func(*http.Request) error { return config.Reached() }))
	}
	config.Generic.AddReadyzChecks(healthz.NamedCheck(readyCheck, func(*http.Request) error { return config.Ready() }))
	if config.Generic.AdmissionControl != nil {
		config.Generic.AdmissionControl = admittedOutside{config.Generic.AdmissionControl}
	}
	server, err := config.Generic.Complete(config.Informers).New("muster", genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	group := genericapiserver.NewDefaultAPIGroupInfo(v1alpha1.SchemeGroupVersion.Group, Scheme, ParameterCodec, Codecs)
	group.NegotiatedSerializer = encoding.Faster(withoutProtobuf{Codecs})
	group.VersionedResourcesStorageMap[v1alpha1.SchemeGroupVersion.Version] = config.Storage
	if err := server.InstallAPIGroup(&group); err != nil {
		return nil, err
	}
	if config.Generic.FlowControl != nil {
		if err := countForFlowControl(server, config.Generic.StorageObjectCountTracker, config.Storage); err != nil {
			return nil, err
		}
	}
	if len(config.Core) > 0 {
		if err := installCore(server, config.Core); err != nil {
			return nil, err
		}
	}
	return server, nil
}
