// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
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

// Options of a Controller. The clients speak to kube-apiserver. A registration takes a dozen
// requests, so the limits of the clients (QPS, Burst) should be far above client-go's default.
type Options struct {
	Settings
	Fleet Fleet
	// Core makes objects of the core API. Metadata watches and removes them.
	Core     kubernetes.Interface
	Metadata metadata.Interface
	// Client writes objects of the fleet's API group.
	Client versioned.Interface
	// Workers is the number of keys that are worked on at a time; 0 means 16.
	Workers int
}

// Controller gives agents their access, as the package promises.
type Controller struct {
	Options
	owned    *ownership.Keeper
	clients  *clients
	troubles *troubles
	queue    *queue.Queue[ownership.Owner]
}

// orphanGrace is the time in which an operator can restore an owner that was not seen to go
// before the objects made for it are removed.
const orphanGrace = time.Hour

// Agents look for their credentials every two seconds.
const (
	// gatherCredentials is the time for which a token gathers registrations before its Role is
	// written. The Role names all credentials that the token's holder may fetch.
	gatherCredentials = 200 * time.Millisecond
	// firstRetry and lastRetry are the delays of a key that failed. slowest is the longest delay
	// of a key that changes all the time, as a token does while agents register with it.
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Minute
	slowest    = 2 * time.Second
)

// New returns a Controller. It does nothing until it runs.
func New(options Options) *Controller {
	if options.Workers == 0 {
		options.Workers = 16
	}
	return &Controller{Options: options}
}

// Run works until the context ends, and returns its error, or an error for which it cannot
// begin. It may be called again after it has returned.
func (c *Controller) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the informers of a run that does not begin
	if c.APIServerURL == "" {
		klog.InfoS("The values that ClusterRegistrationTokens yield name no apiServerURL: set --agent-api-server-url, or give it to the agents' chart by hand")
	}
	c.queue = queue.New(queue.Options[ownership.Owner]{
		Tenant: func(o ownership.Owner) string { return o.Name.Namespace }, FirstRetry: firstRetry, LastRetry: lastRetry, Slowest: slowest,
	})
	defer c.queue.ShutDown()
	c.clients, c.troubles, c.owned = &clients{}, newTroubles(), c.keeper()
	if err := c.owned.Watch(ctx); err != nil {
		return fmt.Errorf("agent access: %w", err)
	}
	var running sync.WaitGroup
	running.Go(func() { _ = c.following().Run(ctx) })
	c.queue.Work(ctx, c.Workers, c.reconcile, c.failed)
	running.Wait()
	return context.Cause(ctx)
}

// keeper returns the Keeper of the objects that agents need. A token uses the credentials of
// the registrations that were made with it: its holder may fetch them.
func (c *Controller) keeper() *ownership.Keeper {
	return ownership.New(ownership.Options{
		Core: c.Core, Metadata: c.Metadata, Belongs: c.belongs, Grace: orphanGrace,
		Changed:     func(o ownership.Owner) { c.queue.Add(o) },
		Later:       func(o ownership.Owner, rest time.Duration) { c.queue.AddAfter(o, rest) },
		UserOf:      tokenOf,
		UserChanged: func(token ownership.Owner) { c.queue.AddAfter(token, gatherCredentials) },
		Annotations: []string{v1alpha1.LabelClusterRegistrationNamespace, v1alpha1.LabelRegistrationToken},
	})
}

// failed logs an error once, and reports whether to try again.
func (c *Controller) failed(key ownership.Owner, err error) (again bool) {
	isNew := !routine(err) && c.troubles.isNew(key, err)
	switch {
	case errors.As(err, new(impossible)):
		if isNew {
			klog.InfoS("An agent's access cannot be as it should be until something is changed", "owner", key, "why", err)
		}
		return false
	case isNew:
		klog.ErrorS(err, "An agent's access is not as it should be; tries again", "owner", key)
	default:
		klog.V(4).InfoS("Tries again", "owner", key, "reason", err)
	}
	return true
}

// routine reports whether an error is normal: another writer was faster, or a namespace is
// being removed.
func routine(err error) bool {
	return errors.Is(err, errAgain) || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) || terminating(err)
}

// errAgain means that something that was looked at has changed.
var errAgain = errors.New("it has changed meanwhile")

func (c *Controller) reconcile(ctx context.Context, key ownership.Owner) error {
	var err error
	switch key.Resource {
	case record.Clusters:
		err = c.cluster(ctx, key)
	case tokens:
		err = c.token(ctx, key)
	case registrations:
		err = c.registration(ctx, key)
	}
	if err == nil {
		c.troubles.forget(key)
	}
	return err
}
