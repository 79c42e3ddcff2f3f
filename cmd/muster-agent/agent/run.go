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
	"github.com/musterfleet/muster/pkg/agent/upstream"
)

// Options configure an agent.
type Options struct {
	// Upstream connects to the server, Downstream to the cluster to deploy to.
	Upstream, Downstream *rest.Config
	// Namespace holds the agent's BundleDeployments.
	Namespace string
	// Cluster names the Cluster that the agent stands for; without a name the agent sends
	// no heartbeats.
	Cluster types.NamespacedName
	// Own is the namespace that identifies the agent downstream.
	Own string
	// Heartbeat is the time between two heartbeats, FirstHeartbeat the time until the
	// first.
	Heartbeat, FirstHeartbeat time.Duration
	// Monitor is the time between two looks for drift.
	Monitor time.Duration
	// Collect is the time between two looks for unused releases.
	Collect time.Duration
	// Workers is the number of BundleDeployments that are reconciled at the same time.
	Workers int
	// Log gets what the agent does.
	Log *slog.Logger
}

// Times of S 12, and times between retries.
const (
	DefaultCollect = 15 * time.Minute
	DefaultMonitor = 10 * time.Second

	dependencyRetry = 15 * time.Second
	firstRetry      = 200 * time.Millisecond
	lastRetry       = time.Minute
)

// Agent deploys the BundleDeployments of one namespace.
type Agent struct {
	options  Options
	up       *upstream.Client
	down     kubernetes.Interface
	deployer *helm.Deployer
	monitor  *monitor.Monitor
	watch    *upstream.Watch
	queue    workqueue.TypedRateLimitingInterface[types.NamespacedName]
}

// New returns an agent, which does nothing until Run.
func New(options Options) (*Agent, error) {
	a := &Agent{options: options}
	var err error
	if a.up, err = upstream.New(options.Upstream); err != nil {
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
	// Until the list is complete, a missing object may still arrive.
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
			a.options.Log.Error("reconcile failed, will try again", "bundledeployment", name.Name, "error", err)
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

// every calls do after the time first and then at intervals, sooner after an error, until
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
			a.options.Log.Error("failed, will try again", "error", err)
			next = min(interval, 5*time.Second)
		}
		timer.Reset(next)
	}
}
