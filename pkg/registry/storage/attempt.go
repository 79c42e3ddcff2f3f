// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"math"
	"strconv"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
)

// An update conflicts if and only if the record that it would overwrite changed
// since the resourceVersion that it names. The generic registry is stricter: it
// compares with the resourceVersion of the whole object, which also moves with
// the object's other record and its derived part. So, where the record did not
// change, the name is brought up to date before the registry looks.

type attemptKey struct{}

// attempt is what an update under way is about to overwrite.
type attempt struct{ recordRevision int64 }

func noteAttempt(ctx context.Context, recordRevision int64) {
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		a.recordRevision = recordRevision
	}
}

// ConflictOnRecord wraps an update that goes to a Store, with the context that
// it must be called with.
func ConflictOnRecord(ctx context.Context, info rest.UpdatedObjectInfo) (context.Context, rest.UpdatedObjectInfo) {
	// A dry run never comes to the store: there the registry's rule stands.
	a := &attempt{recordRevision: math.MaxInt64}
	return context.WithValue(ctx, attemptKey{}, a), rest.WrapUpdatedObjectInfo(info, func(_ context.Context, updated, existing runtime.Object) (runtime.Object, error) {
		to, err := meta.Accessor(updated)
		if err != nil {
			return nil, err
		}
		from, err := meta.Accessor(existing)
		if err != nil {
			return nil, err
		}
		named, err := strconv.ParseInt(to.GetResourceVersion(), 10, 64)
		if err == nil && named >= a.recordRevision && from.GetResourceVersion() != "" {
			to.SetResourceVersion(from.GetResourceVersion())
		}
		return updated, nil
	})
}
