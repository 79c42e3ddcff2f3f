// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// writer writes one of the two records that an object has: the object record or the
// report record. A Store that only reads has none.
type writer interface {
	// creates reports whether the Store creates and deletes objects.
	creates() bool
	// guesses reports whether an update may be planned from the current view, without a
	// quorum read. At the commit, the guards of its transaction then check that this was
	// the latest state.
	guesses() bool
	// revision returns the revision of the record that a write would overwrite, 0 if none
	// exists.
	revision(item view.Item) int64
	// transaction returns the write that turns an item of a view into next, nil if that
	// changes nothing. item is nil for a new object.
	transaction(v *view.View, item view.Item, name record.Name, next record.APIObject) (*write, error)
	// addPlan adds the engine's plan to a write. It returns false if the write has to be
	// planned anew.
	addPlan(ctx context.Context, name record.Name, w *write) (bool, error)
	// send commits a write that has its plan.
	send(ctx context.Context, name record.Name, w *write) (revision int64, ok bool, err error)
	// tooLarge returns the error for a write of size bytes, with the fix.
	tooLarge(name string, size int) error
}

// write is a transaction with the values that its planning and its commit need.
type write struct {
	etcd.Txn
	// object is the object record that it writes, nil if it writes none.
	object *record.Object
	// text is the size of a report as JSON, in bytes.
	text int
}

func (w *write) planned(plan *engine.Plan) {
	for key, revision := range plan.Unchanged {
		w.Unchanged[key] = revision
	}
	w.UnchangedSince = append(w.UnchangedSince, plan.UnchangedSince...)
	for key, value := range plan.Put {
		w.Put[key] = value
	}
	w.Delete = append(w.Delete, plan.Delete...)
}

func (w *write) contentSize() int { return (&etcd.Txn{Content: w.Content}).Size() }

// fitsWithoutContent reports whether the write fits into two transactions, one of them
// for its contents.
func (w *write) fitsWithoutContent() bool {
	content := w.contentSize()
	return content > 0 && content <= etcd.MaxSize && w.Size()-content <= etcd.MaxSize
}

// entries returns the managed fields of one subresource. Those of the status are stored
// with the report.
func entries(all []metav1.ManagedFieldsEntry, subresource string) []metav1.ManagedFieldsEntry {
	var out []metav1.ManagedFieldsEntry
	for _, entry := range all {
		if entry.Subresource == subresource {
			out = append(out, entry)
		}
	}
	return out
}
