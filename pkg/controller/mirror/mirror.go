// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/controller/queue"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Engine reads what the log says, and plans the writes of mirrors.
type Engine interface {
	follow.Source
	Barrier(ctx context.Context) (*view.View, error)
	MirroredNamespaces() ([]string, error)
	PlanNamespace(name string, labels map[string]string) (*engine.Plan, error)
	BundlesWithValues() ([]record.Name, error)
	ValuesOf(bundle record.Name) (map[string]bool, error)
	PlanValues(bundle record.Name, data map[string][]byte) (*engine.Plan, error)
	PlanDropValues(bundle record.Name, hash string) (*engine.Plan, error)
}

// Log is where records are committed.
type Log interface {
	Commit(ctx context.Context, txn etcd.Txn) (revision int64, ok bool, err error)
}

// Options of a Mirror.
type Options struct {
	// Engine is a running engine, and Log the log that it follows.
	Engine Engine
	Log    Log
	// Core watches Namespaces and Secrets.
	Core kubernetes.Interface
	// SecretsOnly leaves out Namespaces, for a core API whose Namespaces have no labels.
	SecretsOnly bool
}

// Mirror is the controller.
type Mirror struct {
	Options
	outside *outside
	queue   *queue.Queue[key]
}

// key names the object that a mirror is of.
type key struct {
	resource string // record.Namespaces, or record.Secrets for the values of a Bundle
	name     record.Name
}

// tenant returns the namespace whose users decide what a mirror says.
func (k key) tenant() string { return cmp.Or(k.name.Namespace, k.name.Name) }

const (
	firstRetry = 20 * time.Millisecond
	lastRetry  = 30 * time.Second
	// workers is the number of mirrors that are written at a time: planning may take long.
	workers = 4
	// again is the time after which everything is looked at without a change. Values that
	// no version needs any more are found then at the latest.
	again = 10 * time.Minute
)

// errConflict means that something that a plan looked at has changed.
var errConflict = errors.New("something changed meanwhile")

// New returns a Mirror. It does nothing until it runs.
func New(options Options) *Mirror { return &Mirror{Options: options} }

// Run mirrors until the context ends, and returns its error.
func (m *Mirror) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	m.queue = queue.New(queue.Options[key]{Tenant: key.tenant, FirstRetry: firstRetry, LastRetry: lastRetry, Slowest: lastRetry})
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer m.queue.ShutDown()
	defer cancel()
	var err error
	if m.outside, err = watchOutside(ctx, m.Core, m.SecretsOnly, m.queue); err != nil {
		return err
	}
	defer m.outside.shutdown()
	defer cancel()
	if _, err := m.Engine.Barrier(ctx); err != nil {
		return fmt.Errorf("wait for the log: %w", err)
	}
	tasks.Go(func() { _ = m.following().Run(ctx) })
	m.queue.Work(ctx, workers, m.sync, failed)
	return ctx.Err()
}

// failed logs an error, unless it is a conflict. Every key is tried again.
func failed(k key, err error) (again bool) {
	if !errors.Is(err, errConflict) {
		klog.ErrorS(err, "Could not mirror", "resource", k.resource, "name", k.name)
	}
	return true
}

func (m *Mirror) sync(ctx context.Context, k key) error {
	if k.resource == record.Namespaces {
		if m.SecretsOnly {
			return nil // what another program mirrored stays
		}
		return m.namespace(ctx, k.name.Name)
	}
	return m.values(ctx, k.name)
}

// commit writes a plan, unless it is empty. It returns errConflict if the plan has to be made
// again: after a conflict, and after the steps that had to be written before the plan.
func (m *Mirror) commit(ctx context.Context, plan *engine.Plan, err error) error {
	if err != nil || plan.Empty() {
		return err
	}
	steps := plan.First
	if len(steps) == 0 {
		steps = []etcd.Txn{plan.Txn()}
	}
	for _, step := range steps {
		_, ok, err := m.Log.Commit(ctx, step)
		if err != nil {
			return err
		}
		if !ok {
			return m.anew(ctx)
		}
	}
	if len(plan.First) > 0 {
		return m.anew(ctx)
	}
	// The caller's next plan has to see what was written.
	_, err = m.Engine.Barrier(ctx)
	return err
}

// anew waits until the engine has seen what was written meanwhile, and returns errConflict.
func (m *Mirror) anew(ctx context.Context) error {
	if _, err := m.Engine.Barrier(ctx); err != nil {
		return err
	}
	return errConflict
}
