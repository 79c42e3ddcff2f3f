// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"
	"math"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/registry/view"
)

// An update conflicts if and only if the record that it would overwrite changed since the
// resourceVersion that it names. The generic registry is stricter: it compares with the
// resourceVersion of the whole object, which also changes with the object's other record
// and its derived part. So if the record did not change, the update's resourceVersion is
// replaced by the current one before the registry compares.

type attemptKey struct{}

// attempt describes the record that an update is about to overwrite.
type attempt struct {
	// record is the version of the record, and view that of the current state, as numbers.
	// The record has not changed since any resourceVersion from record to view. This server
	// never gave out a higher one.
	record, view uint64
}

// attempt returns the attempt to update an item whose record was last written at the
// revision.
func (s *Store) attempt(item view.Item, revision int64, v *view.View) attempt {
	changed := view.FirstOf(revision)
	if at := versionOf(item); at.Revision() == revision {
		changed = at // the object has not changed since
	}
	return attempt{record: s.number(changed), view: s.numberAt(v.Revision)}
}

func (a attempt) covers(resourceVersion string) bool {
	named, err := strconv.ParseUint(resourceVersion, 10, 64)
	return err == nil && a.record <= named && named <= a.view
}

func noteAttempt(ctx context.Context, now attempt) {
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		*a = now
	}
}

// rebase drops a precondition on the resource version if the record that would be
// overwritten has not changed since.
func (a attempt) rebase(p *storage.Preconditions) *storage.Preconditions {
	if p == nil || p.ResourceVersion == nil || !a.covers(*p.ResourceVersion) {
		return p
	}
	return &storage.Preconditions{UID: p.UID}
}

// ConflictOnRecord wraps an update of an object in a Store, so that it conflicts only if
// its record changed. It also returns the context that the update must be called with.
func ConflictOnRecord(ctx context.Context, info rest.UpdatedObjectInfo) (context.Context, rest.UpdatedObjectInfo) {
	// The attempt covers nothing until the store has read the object.
	a := &attempt{record: math.MaxUint64}
	return context.WithValue(ctx, attemptKey{}, a), rest.WrapUpdatedObjectInfo(info, func(_ context.Context, updated, existing runtime.Object) (runtime.Object, error) {
		to, err := meta.Accessor(updated)
		if err != nil {
			return nil, err
		}
		if named := to.GetResourceVersion(); named != "" {
			if _, err := strconv.ParseUint(named, 10, 64); err != nil {
				return nil, apierrors.NewBadRequest(fmt.Sprintf("metadata.resourceVersion %q did not come from this server: read the object again, or leave it out", named))
			}
		}
		from, err := meta.Accessor(existing)
		if err != nil {
			return nil, err
		}
		if a.covers(to.GetResourceVersion()) && from.GetResourceVersion() != "" {
			to.SetResourceVersion(from.GetResourceVersion())
		}
		return updated, nil
	})
}
