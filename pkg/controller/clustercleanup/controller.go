// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercleanup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/controller/queue"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Fleet reads the fleet's objects. An *engine.Engine implements it.
type Fleet interface {
	follow.Source
	// Barrier returns a view that holds everything that was committed before the call.
	Barrier(ctx context.Context) (*view.View, error)
}

// Options of a Controller. The clients speak to kube-apiserver.
type Options struct {
	Fleet Fleet
	// Metadata watches and removes namespaces, Client removes Bundles.
	Metadata metadata.Interface
	Client   versioned.Interface
	// Kept are namespaces that are never removed.
	Kept []string
}

// Controller removes what deleted Clusters leave, as the package promises.
type Controller struct {
	Options
	owned *ownership.Keeper
	queue *queue.Queue[ownership.Owner]
	went  went
}

// went holds the Clusters that the log showed to go, until their Bundles are removed.
type went struct {
	mu struct {
		sync.Mutex
		names map[record.Name]struct{}
	}
}

const (
	workers    = 4
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Minute
	slowest    = 2 * time.Second
	// orphanGrace is the time in which an operator can restore a Cluster that was not seen to go
	// before the namespace that Muster made for it is removed.
	orphanGrace = time.Hour
)

// New returns a Controller. It does nothing until it runs.
func New(options Options) *Controller { return &Controller{Options: options} }

// Run works until the context ends, and returns its error, or an error for which it cannot
// begin. It may be called again after it has returned.
func (c *Controller) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the informer of a run that does not begin
	c.queue = queue.New(queue.Options[ownership.Owner]{
		Tenant: func(o ownership.Owner) string { return o.Name.Namespace }, FirstRetry: firstRetry, LastRetry: lastRetry, Slowest: slowest,
	})
	defer c.queue.ShutDown()
	c.went.clear()
	c.owned = c.keeper()
	if err := c.owned.Watch(ctx); err != nil {
		return fmt.Errorf("clean up after Clusters: %w", err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = c.following().Run(ctx) })
	c.queue.Work(ctx, workers, c.reconcile, c.failed)
	running.Wait()
	return context.Cause(ctx)
}

func (c *Controller) keeper() *ownership.Keeper {
	return ownership.New(ownership.Options{
		Metadata: c.Metadata, Resources: []schema.GroupVersionResource{ownership.Namespaces}, Belongs: c.belongs, Grace: orphanGrace,
		Changed: func(o ownership.Owner) { c.queue.Add(o) },
		Later:   func(o ownership.Owner, rest time.Duration) { c.queue.AddAfter(o, rest) },
	})
}

// following returns the loop that finds Clusters that went. It begins with the whole history of
// the view, which also shows those that went before the loop began.
func (c *Controller) following() *follow.Loop {
	return &follow.Loop{
		Source: c.Fleet, Resources: []string{record.Clusters}, Changed: c.look,
		Whole: func(v *view.View) {
			if revisions, err := v.Since(v.Oldest); err == nil {
				c.look(v, revisions)
			}
		},
	}
}

func (c *Controller) look(_ *view.View, revisions []*view.Revision) {
	for _, change := range follow.Changes(revisions, record.Clusters) {
		before, ok := change.Prev.(*view.Object)
		if !ok || change.Next != nil {
			continue
		}
		key := ownership.Owner{Resource: record.Clusters, Name: change.Name}
		c.owned.Saw(key, before.Record.Object.GetUID())
		c.went.add(key.Name)
		c.queue.Add(key)
	}
}

// reconcile removes what a Cluster left, if it is gone.
func (c *Controller) reconcile(ctx context.Context, key ownership.Owner) error {
	if key.Resource != record.Clusters {
		return nil
	}
	// What is to be removed is looked up before the Cluster: so nothing of it belongs to a
	// Cluster that is created later.
	left := c.owned.Of(key)
	if len(left) == 0 && !c.went.has(key.Name) {
		return nil
	}
	// Most changes of a namespace come while its Cluster exists: they cost no quorum read.
	if v, err := c.Fleet.Current(); err != nil || v.Get(record.Clusters, key.Name) != nil {
		c.went.forget(key.Name)
		return err
	}
	v, err := c.Fleet.Barrier(ctx)
	if err != nil {
		return err
	}
	if v.Get(record.Clusters, key.Name) != nil {
		c.went.forget(key.Name)
		return nil
	}
	err = c.owned.Withdraw(ctx, key, unused(v, key, left), "")
	if c.went.has(key.Name) {
		err = errors.Join(c.removeBundle(ctx, v, key.Name), err)
	}
	if err == nil {
		c.went.forget(key.Name)
	}
	return err
}

// failed logs the first of several errors of a key.
func (c *Controller) failed(key ownership.Owner, err error) (again bool) {
	if c.queue.NumRequeues(key) == 0 {
		klog.ErrorS(err, "Could not remove what a deleted Cluster left; tries again", "cluster", key.Name)
	} else {
		klog.V(4).InfoS("Tries again to remove what a deleted Cluster left", "cluster", key.Name, "reason", err)
	}
	return true
}

func (w *went) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.names = map[record.Name]struct{}{}
}

func (w *went) add(name record.Name) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.names[name] = struct{}{}
}

func (w *went) has(name record.Name) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, found := w.mu.names[name]
	return found
}

func (w *went) forget(name record.Name) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.mu.names, name)
}
