// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/musterfleet/muster/cmd/muster-agent/helm"
	"github.com/musterfleet/muster/cmd/muster-agent/monitor"
	"github.com/musterfleet/muster/pkg/agent/wire"
)

// Options holds what an agent is started with.
type Options struct {
	// Upstream is the way to the server, Downstream to the cluster that is deployed to.
	Upstream, Downstream *rest.Config
	// Namespace holds the agent's BundleDeployments.
	Namespace string
	// Cluster holds what the agent stands for; without a name there are no heartbeats.
	Cluster types.NamespacedName
	// Own is the namespace that the agent is known by downstream.
	Own string
	// Heartbeat is how often it says that it is alive, FirstHeartbeat when first.
	Heartbeat, FirstHeartbeat time.Duration
	// Monitor is how often it looks for drift.
	Monitor time.Duration
	// Collect is how often it looks for releases that nothing asks for.
	Collect time.Duration
	// Workers is how many BundleDeployments are worked on at the same time.
	Workers int
	// Log gets what it does.
	Log *slog.Logger
}

// Times of S 12, and those of retries.
const (
	DefaultHeartbeat      = 15 * time.Minute
	DefaultFirstHeartbeat = 15 * time.Second
	DefaultCollect        = 15 * time.Minute
	DefaultMonitor        = 10 * time.Second

	dependencyRetry = 15 * time.Second
	firstRetry      = 200 * time.Millisecond
	lastRetry       = time.Minute
)

// Agent deploys.
type Agent struct {
	options  Options
	up       *wire.Upstream
	down     kubernetes.Interface
	deployer *helm.Deployer
	monitor  *monitor.Monitor
	watch    *wire.Watch
	queue    workqueue.TypedRateLimitingInterface[types.NamespacedName]
}

// New returns an agent; it does nothing until Run.
func New(options Options) (*Agent, error) {
	a := &Agent{options: options}
	var err error
	if a.up, err = wire.New(options.Upstream); err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	if a.down, err = kubernetes.NewForConfig(options.Downstream); err != nil {
		return nil, fmt.Errorf("downstream: %w", err)
	}
	if a.deployer, err = helm.New(options.Downstream, options.Own, options.Log.Handler()); err != nil {
		return nil, err
	}
	if a.monitor, err = monitor.New(options.Downstream, a.deployer.Mapper()); err != nil {
		return nil, err
	}
	a.queue = workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](firstRetry, lastRetry))
	a.watch = a.up.Watch(options.Namespace, a.queue.Add, nil)
	return a, nil
}

// Run works until ctx ends. It may be called once.
func (a *Agent) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer a.queue.ShutDown()
	tasks.Go(func() { a.watch.Run(ctx) })
	tasks.Go(func() { a.heartbeats(ctx) })
	// Before the list is complete, what is not in it may be in it.
	if !cache.WaitForCacheSync(ctx.Done(), a.watch.HasSynced) {
		return nil
	}
	a.options.Log.Info("the list of BundleDeployments is complete", "namespace", a.options.Namespace, "count", len(a.watch.Names()))
	for range a.options.Workers {
		tasks.Go(func() { a.work(ctx) })
	}
	a.every(ctx, 0, a.options.Collect, a.collect)
	return nil
}

func (a *Agent) work(ctx context.Context) {
	for {
		name, over := a.queue.Get()
		if over {
			return
		}
		again, err := a.reconcile(ctx, name)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			a.options.Log.Error("will try again", "bundledeployment", name.Name, "error", err)
			a.queue.AddRateLimited(name)
		default:
			a.queue.Forget(name)
			if again > 0 {
				a.queue.AddAfter(name, again)
			}
		}
		a.queue.Done(name)
	}
}

func (a *Agent) heartbeats(ctx context.Context) {
	if a.options.Cluster.Name == "" {
		return
	}
	a.every(ctx, a.options.FirstHeartbeat, a.options.Heartbeat, func(ctx context.Context) error {
		return a.up.Heartbeat(ctx, a.options.Cluster, a.options.Own, time.Now())
	})
}

// every calls do after some time and then at intervals, sooner after an error, until
// ctx ends.
func (a *Agent) every(ctx context.Context, first, interval time.Duration, do func(context.Context) error) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next := interval
		if err := do(ctx); err != nil && !errors.Is(err, context.Canceled) {
			a.options.Log.Error("will try again", "error", err)
			next = min(interval, 5*time.Second)
		}
		timer.Reset(next)
	}
}
