// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/controller/queue"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Engine publishes the Clusters. An *engine.Engine implements it.
type Engine interface {
	follow.Source
	Barrier(ctx context.Context) (*view.View, error)
}

// Options of a Controller. The clients speak to kube-apiserver.
type Options struct {
	Settings
	// Engine is a running engine, from which Clusters are read.
	Engine Engine
	// Client writes the labels of Clusters.
	Client versioned.Interface
	// Inventory watches ClusterProfiles.
	Inventory dynamic.Interface
}

// Controller keeps labels of Clusters in step with their profiles, as the package promises.
type Controller struct {
	Options
	queue      *queue.Queue[record.Name]
	belonging  *belonging
	inventory  *inventory
	complaints *complaints
}

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Minute
	// slowest is the longest delay between two writes of a Cluster whose profile changes all
	// the time.
	slowest = 30 * time.Second
	// workers is the number of Clusters that are written at a time.
	workers = 8
)

// New returns a Controller. It does nothing until it runs.
func New(options Options) *Controller { return &Controller{Options: options} }

// Run works until the context ends, and returns its error, or an error for which it cannot
// begin.
func (c *Controller) Run(ctx context.Context) error {
	c.belonging, c.complaints = newBelonging(), newComplaints()
	c.queue = queue.New(queue.Options[record.Name]{
		Tenant: func(cluster record.Name) string { return cluster.Namespace }, FirstRetry: firstRetry, LastRetry: lastRetry, Slowest: slowest,
	})
	defer c.queue.ShutDown()
	var err error
	if c.inventory, err = watchInventory(c.Inventory, c.complaints, c.profileChanged); err != nil {
		return err
	}
	if _, err := c.Engine.Barrier(ctx); err != nil {
		return fmt.Errorf("wait for the log: %w", err)
	}
	var tasks sync.WaitGroup
	tasks.Go(func() { c.inventory.profiles.RunWithContext(ctx) })
	tasks.Go(func() { _ = c.following().Run(ctx) })
	c.queue.Work(ctx, workers, c.sync, c.failed)
	tasks.Wait()
	return context.Cause(ctx)
}

// sync makes the labels of a Cluster those that its profile asks for.
func (c *Controller) sync(ctx context.Context, name record.Name) error {
	v, err := c.Engine.Current()
	if err != nil {
		return err
	}
	cluster := objectOf(v.Get(record.Clusters, name))
	plan, needed, err := c.planOf(cluster)
	if err != nil {
		return err
	}
	if needed {
		if err := c.apply(ctx, cluster, plan); err != nil {
			return err
		}
	}
	if plan.again > 0 {
		c.queue.AddAfter(name, plan.again)
	}
	c.complaints.forget(name.String())
	return nil
}

// planOf returns what to apply to a Cluster, and false if nothing is to be applied now. The
// Cluster may be nil.
func (c *Controller) planOf(cluster metav1.Object) (_ plan, needed bool, err error) {
	if cluster == nil || cluster.GetDeletionTimestamp() != nil {
		return plan{}, false, nil
	}
	name, _ := profileOf(cluster)
	if p := c.inventory.get(name); p != nil {
		return c.planFor(cluster, p, time.Now())
	}
	return plan{}, false, nil
}

// failed logs an error once. Every Cluster is tried again.
func (c *Controller) failed(name record.Name, err error) (again bool) {
	routine := apierrors.IsConflict(err) || apierrors.IsNotFound(err)
	if !routine && c.complaints.isNew(name.String(), err.Error()) {
		klog.ErrorS(err, "The labels of a Cluster are not those of its ClusterProfile; tries again", "cluster", name)
	} else {
		klog.V(4).InfoS("Tries again", "cluster", name, "reason", err)
	}
	return true
}
