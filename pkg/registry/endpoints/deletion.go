// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
	apistorage "k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/registry/kinds"
)

// A deletion goes as the generic registry's deletion of the same object without the
// finalizers that hold nothing back. The registry reads an object twice in a deletion: first
// to choose between a removal and an update that sets the deletionTimestamp, then in that
// update. Neither read shows these finalizers. Everything else is the registry's:
// preconditions, dry runs, propagation policies, and the finalizers of others.

type deletionKey struct{}

// Delete implements rest.GracefulDeleter.
func (o *objects) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	return o.Store.Delete(deletion(ctx), name, thenDischarge(validate), options)
}

// DeleteCollection implements rest.CollectionDeleter.
func (o *objects) DeleteCollection(ctx context.Context, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions, list *internalversion.ListOptions) (runtime.Object, error) {
	return o.Store.DeleteCollection(deletion(ctx), thenDischarge(validate), options, list)
}

func deletion(ctx context.Context) context.Context {
	return context.WithValue(ctx, deletionKey{}, true)
}

// thenDischarge wraps the validation of a deletion, which the registry calls before it looks
// at the finalizers of the object that it updates. Admission sees them all.
func thenDischarge(validate rest.ValidateObjectFunc) rest.ValidateObjectFunc {
	return func(ctx context.Context, object runtime.Object) error {
		if err := validate(ctx, object); err != nil {
			return err
		}
		return discharge(object)
	}
}

func discharge(object runtime.Object) error {
	m, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	kinds.Discharge(m)
	return nil
}

// discharging wraps a store, so that the registry's first read in a deletion does not show
// the finalizers that hold nothing back.
type discharging struct{ apistorage.Interface }

// Get implements storage.Interface.
func (d discharging) Get(ctx context.Context, key string, options apistorage.GetOptions, out runtime.Object) error {
	if err := d.Interface.Get(ctx, key, options, out); err != nil {
		return err
	}
	if ctx.Value(deletionKey{}) == nil {
		return nil
	}
	return discharge(out)
}
