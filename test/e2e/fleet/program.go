// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metrics "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// scheme holds the kinds of all programs.
var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}()

// Names of the programs, and of their accounts in SystemNamespace, which are those of the
// project's manifests.
const (
	Gitjob          = "gitjob"
	Helmops         = "helmops"
	Agentmanagement = "fleet-agentmanagement"
	kubeletName     = "kubelet"
)

// Programs are Fleet's programs beside one Muster, and the kubelet of their Pods.
type Programs struct {
	Journal  *Journal
	Remote   *Remote
	Settings Settings
	// Resync is the time after which gitjob looks at each object again without an event.
	Resync time.Duration
}

// Gitjob runs gitjob until ctx ends.
func (p *Programs) Gitjob(ctx context.Context, config *rest.Config) error {
	return p.run(ctx, Gitjob, config, func(m manager.Manager) error { return addGitjob(m, p.Remote) })
}

// Helmops runs helmops until ctx ends.
func (p *Programs) Helmops(ctx context.Context, config *rest.Config) error {
	return p.run(ctx, Helmops, config, addHelmops)
}

// Agentmanagement runs agentmanagement until ctx ends.
func (p *Programs) Agentmanagement(ctx context.Context, config *rest.Config) error {
	return p.run(ctx, Agentmanagement, config, func(m manager.Manager) error { return addAgentmanagement(m, p.Settings) })
}

// Kubelet runs Pods until ctx ends. server is the address of kube-apiserver, without
// credentials.
func (p *Programs) Kubelet(ctx context.Context, config, server *rest.Config) error {
	return p.run(ctx, kubeletName, config, func(m manager.Manager) error {
		return addKubelet(m, &kubelet{remote: p.Remote, journal: p.Journal, server: server})
	})
}

// run runs a program with informers of its own.
func (p *Programs) run(ctx context.Context, name string, server *rest.Config, add func(manager.Manager) error) error {
	options := cache.Options{}
	if name == Gitjob && p.Resync > 0 {
		options.SyncPeriod = &p.Resync
	}
	m, err := manager.New(p.Journal.Watch(name, server), manager.Options{
		Scheme: scheme, Logger: p.Journal.Logger(name), Cache: options,
		Metrics:    metrics.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := add(m); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return m.Start(ctx)
}
