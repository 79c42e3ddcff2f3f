// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/controller/queue"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Engine reads BundleDeployments and the records of their copies.
type Engine interface {
	follow.Source
	Barrier(ctx context.Context) (*view.View, error)
	CopiesOf(deployment record.Name) (record.Downstream, int64, error)
	WithCopies() ([]record.Name, error)
}

// Log is where these records are committed.
type Log interface {
	Commit(ctx context.Context, txn etcd.Txn) (revision int64, ok bool, err error)
}

// Options of a Downstream.
type Options struct {
	// Engine is a running engine, and Log the log that it follows.
	Engine Engine
	Log    Log
	// Core reads sources and writes copies. Metadata watches both.
	Core     kubernetes.Interface
	Metadata metadata.Interface
}

// Downstream is the controller.
type Downstream struct {
	Options
	needs     *needs
	sources   *sources
	obstacles *obstacles
	queue     *queue.Queue[record.Name]
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Minute
	// workers is the number of BundleDeployments that are worked on at a time.
	workers = 4
	// again is the time after which everything is looked at without a change.
	again = 10 * time.Minute
)

// errAgain means that something that a write looked at has changed.
var errAgain = errors.New("something changed meanwhile")

// New returns a Downstream. It does nothing until it runs.
func New(options Options) *Downstream { return &Downstream{Options: options} }

// Run copies until the context ends, and returns its error.
func (d *Downstream) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	d.needs, d.obstacles = newNeeds(), newObstacles()
	d.queue = queue.New(queue.Options[record.Name]{Tenant: d.needs.tenant, FirstRetry: firstRetry, LastRetry: lastRetry, Slowest: lastRetry})
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer d.queue.ShutDown()
	defer cancel()
	var err error
	if d.sources, err = watchSources(ctx, d.Core, d.Metadata, func(r resource) {
		for _, name := range d.needs.of(r) {
			d.queue.Add(name)
		}
	}); err != nil {
		return err
	}
	defer d.sources.shutdown()
	defer cancel()
	v, err := d.Engine.Barrier(ctx)
	if err != nil {
		return fmt.Errorf("wait for the log: %w", err)
	}
	// All needs must be known before the first turn: they decide what an object is a copy of.
	changes := d.following()
	changes.See(v)
	tasks.Go(func() { _ = changes.Run(ctx) })
	d.queue.Work(ctx, workers, d.sync, failed)
	return ctx.Err()
}

// failed logs an error, unless a write was overtaken. Every key is tried again.
func failed(name record.Name, err error) (again bool) {
	if !errors.Is(err, errAgain) {
		klog.ErrorS(err, "Could not copy what a BundleDeployment needs", "bundleDeployment", name)
	}
	return true
}
