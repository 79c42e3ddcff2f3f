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

// These are the names of checks in /readyz, which does not show the errors. So the names
// distinguish a replica that has lost etcd (both fail) from one that is starting (etcd
// answers).
const (
	readyCheck   = "engine"
	etcdCheck    = "etcd"
	primingCheck = "authentication"
)

// Config holds what a server is built from.
type Config struct {
	// Generic comes from NewConfig, completed by the caller.
	Generic *genericapiserver.Config
	// Informers are for admission and delegated rights. They are nil if there is no
	// Kubernetes API to watch.
	Informers informers.SharedInformerFactory
	// Storage holds the storages of the group, by resource: "bundles", "bundles/status", ...
	Storage map[string]rest.Storage
	// Core holds storages of the core API, for a server without a kube-apiserver; it may be
	// nil.
	Core map[string]rest.Storage
	// Ready returns nil while reads are right, otherwise what is missing. It is called for
	// each /readyz and each request for the group, so it must be cheap.
	Ready func() error
	// Reached returns nil while etcd answers. A nil func skips the check.
	Reached func() error
	// Unready returns a context that ends as soon as Ready does not return nil. It is
	// called before Ready. Open watches end with the context. A nil func never ends them.
	Unready func() context.Context
	// Refused is called with the verb and the resource of each request that is refused
	// because Ready did not return nil. It may be nil.
	Refused func(verb, resource string)
}

func (c *Config) validate() error {
	switch {
	case c.Generic == nil:
		return errors.New("field Generic is nil: take it from NewConfig")
	case c.Generic.Authentication.Authenticator == nil:
		// A nil authenticator would let every client in.
		return errors.New("field Generic.Authentication.Authenticator is nil: a server must have authentication")
	case c.Generic.Authorization.Authorizer == nil:
		// A nil authorizer would allow every client everything.
		return errors.New("field Generic.Authorization.Authorizer is nil: a server must have authorization")
	case c.Generic.SecureServing == nil || c.Generic.SecureServing.Cert == nil:
		return errors.New("field Generic.SecureServing has no certificate: a server must have TLS")
	case c.Ready == nil:
		return errors.New("field Ready is nil: without it /readyz would be ok while answers are wrong")
	case len(c.Storage) == 0:
		return errors.New("field Storage is empty: the server would serve nothing")
	}
	return nil
}

// New returns the API server. Run it with PrepareRun().RunWithContext(ctx).
func New(config Config) (*genericapiserver.GenericAPIServer, error) {
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	if listener := config.Generic.SecureServing.Listener; listener != nil {
		config.Generic.SecureServing.Listener = bounded{listener}
	}
	priming := primingOf(config.Generic)
	closeWhile(config.Generic, gate{ready: config.Ready, unready: config.Unready, refused: config.Refused}, sharing{fair.NewLimits()}, priming)
	var stops stopping
	stops.around(config.Generic)
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
	if err := server.AddPreShutdownHook("retry-after", stops.hook); err != nil {
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
