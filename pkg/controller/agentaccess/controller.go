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
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Fleet is where the fleet's objects are read: an *engine.Engine.
type Fleet interface {
	follow.Source
	// Barrier is a view that holds all that was committed before the call.
	Barrier(ctx context.Context) (*view.View, error)
}

var _ Fleet = (*engine.Engine)(nil)

// Options of a Controller. The clients speak to kube-apiserver; each registration
// takes a dozen requests of them, so their own limits (QPS, Burst) should be far above
// client-go's default.
type Options struct {
	Settings
	Fleet Fleet
	// Core makes objects of the core API, Metadata watches and removes them.
	Core     kubernetes.Interface
	Metadata metadata.Interface
	// Client writes objects of the fleet's API group.
	Client versioned.Interface
	// Workers is how many keys are worked on at a time; 0 is 16.
	Workers int
}

// Controller makes what the package promises true.
type Controller struct {
	Options
	owned    *ownership.Keeper
	clients  *clients
	troubles *troubles
	queue    *queue.Queue[ownership.Owner]
}

// orphanGrace is how long a person has to put back the owner of what was made here, if
// nobody saw it go.
const orphanGrace = time.Hour

// gatherCredentials is how long a token waits for more registrations before it is
// written who may fetch what: all of a token's are in one Role. Agents look every two
// seconds.
const gatherCredentials = 200 * time.Millisecond

// Delays of a key that failed, and the longest delay of one that never comes to rest. A
// token comes to none while agents register with it, and agents look for their
// credentials every two seconds.
const (
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

// Run works until the context ends, and returns its error; or why it cannot begin. It
// may run again after it has returned.
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

// keeper returns what keeps the objects that agents need. A token uses the credentials of
// those that registered with it.
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

// failed logs an error once, and reports whether a further try may mend it.
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

// routine reports whether an error is part of working beside others: another writer was
// faster, or a namespace is on its way out.
func routine(err error) bool {
	return errors.Is(err, errAgain) || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) || terminating(err)
}

// errAgain says that what was looked at is not the latest.
var errAgain = errors.New("it has changed meanwhile")

// reconcile works on one key.
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
