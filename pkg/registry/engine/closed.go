// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/state"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// ErrClosed means that etcd was restored, or replaced by another one, and that no operator has
// said yet that clients may see what it holds. Agents act at once on what they see: they would
// install again what was deleted since the snapshot, and uninstall what was made since.
var ErrClosed = errors.New("closed")

// errOpened ends the wait of a closed replica.
var errOpened = errors.New("an operator has opened it")

// closing is the part of a lineage that keeps a restored etcd from clients.
type closing struct {
	// accepted is the cluster whose objects clients may see, 0 before the first.
	accepted atomic.Uint64
	// restored describes the closed replica, nil while it is open.
	restored atomic.Pointer[Restored]
	opened   atomic.Pointer[context.CancelCauseFunc]
}

// Restored describes a closed replica.
type Restored struct {
	// Cluster is the ID of the cluster that answers, and Accepted of the one whose objects
	// clients know.
	Cluster, Accepted uint64
	// Shown is the last view that this replica showed, nil if it started after the restore.
	Shown *view.View
	// View is the state that etcd holds.
	View *view.View
	// Difference counts what agents would do. It is zero without Shown.
	Difference Difference
}

// Restored returns nil unless the replica is closed and has loaded what etcd holds.
func (e *Engine) Restored() *Restored { return e.lineage.restored.Load() }

// Closed reports whether the replica is closed.
func (e *Engine) Closed() bool {
	broken := e.lineage.broken.Load()
	return broken != nil && errors.Is(*broken, ErrClosed)
}

// Open lets clients see the objects of a cluster. It has no effect while another one answers.
func (e *Engine) Open(cluster uint64) {
	if cluster == 0 || cluster != e.log.Cluster() {
		return
	}
	e.lineage.accepted.Store(cluster)
	if opened := e.lineage.opened.Swap(nil); opened != nil {
		(*opened)(errOpened)
	}
}

// mustClose reports whether the cluster that answers is not the accepted one. The first
// cluster ever is accepted.
func (e *Engine) mustClose() bool {
	if e.options.Known == nil {
		return false
	}
	answers := e.log.Cluster()
	return !e.lineage.accepted.CompareAndSwap(0, answers) && e.lineage.accepted.Load() != answers
}

// stayClosed loads what etcd holds, for an operator to look at, and blocks until the replica
// is opened, etcd is replaced again, or the context ends. Nothing of it is published.
func (e *Engine) stayClosed(ctx context.Context, broken *error, target int64) error {
	all, err := e.everything(ctx, target)
	if err != nil {
		return fmt.Errorf("load the log: %w", err)
	}
	loading := state.New(e.options.History, e.planner, &e.totals.undecodable)
	loading.Begin(all, true)
	closed := &Restored{Cluster: e.log.Cluster(), Accepted: e.lineage.accepted.Load(), Shown: e.current.Load(), View: loading.Reach(target)}
	if closed.Shown != nil {
		closed.Difference = closed.Compare(nil)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	why := error(fmt.Errorf("%w: %s", ErrClosed, e.describe(closed)))
	e.lineage.stop.Store(&cancel)
	e.lineage.opened.Store(&cancel)
	e.lineage.restored.Store(closed)
	defer e.lineage.restored.Store(nil)
	defer e.lineage.opened.Store(nil)
	if !e.lineage.broken.CompareAndSwap(broken, &why) {
		return *e.lineage.broken.Load() // etcd was replaced again meanwhile
	}
	klog.ErrorS(why, "This replica shows nothing until an operator opens it")
	if !e.mustClose() {
		return errOpened
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// describe returns what an operator has to know about a closed replica.
func (e *Engine) describe(r *Restored) string {
	text := fmt.Sprintf("etcd is cluster %x at revision %d, and clients know the objects of cluster %x. ", r.Cluster, r.View.Revision, r.Accepted)
	if r.Shown == nil {
		text += "This replica has started since, and does not know what clients were shown."
	} else {
		text += "Agents would " + r.Difference.String() + "."
	}
	if e.options.HowToOpen != nil {
		text += " To let clients see it: " + e.options.HowToOpen(r.Cluster)
	}
	return text
}
