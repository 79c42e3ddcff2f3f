// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/cmd/muster-apiserver/app/frontproxy"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// setup is a server's configuration with the clients of kube-apiserver that it needs.
type setup struct {
	generic   *genericapiserver.Config
	informers informers.SharedInformerFactory
	// kubernetes reaches the cluster's kube-apiserver.
	kubernetes *rest.Config
	dynamic    dynamic.Interface
}

// configure turns validated options into a configuration. The order matters: tracing wraps
// the clients that are made after it, and authentication by certificates needs the
// serving configuration.
func (o *Options) configure(ctx context.Context) (*setup, error) {
	config := &genericapiserver.RecommendedConfig{Config: *server.NewConfig()}
	if err := o.Server.ApplyTo(&config.Config); err != nil {
		return nil, err
	}
	if err := o.Tracing.ApplyTo(nil, &config.Config); err != nil {
		return nil, fmt.Errorf("--tracing-config-file: %w", err)
	}
	if err := o.Serving.ApplyTo(&config.SecureServing, &config.LoopbackClientConfig); err != nil {
		return nil, fmt.Errorf("secure serving: %w", err)
	}
	if err := o.Authentication.ApplyTo(&config.Authentication, config.SecureServing, config.OpenAPIConfig); err != nil {
		return nil, fmt.Errorf("authentication (--authentication-kubeconfig, or the pod's service account; --client-ca-file; --requestheader-client-ca-file): %w", err)
	}
	if err := frontproxy.Check(ctx, o.Authentication, config.Authentication.RequestHeaderConfig); err != nil {
		return nil, err
	}
	if err := o.Authorization.ApplyTo(&config.Authorization); err != nil {
		return nil, fmt.Errorf("authorization (--authorization-kubeconfig, or the pod's service account): %w", err)
	}
	if err := o.Audit.ApplyTo(&config.Config); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	if err := o.CoreAPI.ApplyTo(config); err != nil {
		return nil, fmt.Errorf("kube-apiserver (--kubeconfig, or the pod's service account): %w", err)
	}
	clients, err := kubernetes.NewForConfig(config.ClientConfig)
	if err != nil {
		return nil, err
	}
	anything, err := dynamic.NewForConfig(config.ClientConfig)
	if err != nil {
		return nil, err
	}
	if err := o.Features.ApplyTo(&config.Config, clients, config.SharedInformerFactory); err != nil {
		return nil, err
	}
	if err := o.Admission.ApplyTo(&config.Config, config.SharedInformerFactory, clients, anything, config.FeatureGate, config.EffectiveVersion); err != nil {
		return nil, fmt.Errorf("admission: %w", err)
	}
	return &setup{generic: &config.Config, informers: config.SharedInformerFactory, kubernetes: config.ClientConfig, dynamic: anything}, nil
}
