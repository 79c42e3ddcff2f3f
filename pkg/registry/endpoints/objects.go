// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	apistorage "k8s.io/apiserver/pkg/storage"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/pkg/registry/storage"
)

var (
	_ rest.StandardStorage    = (*objects)(nil)
	_ rest.CategoriesProvider = (*objects)(nil)

	_ rest.Getter              = (*status)(nil)
	_ rest.Updater             = (*status)(nil)
	_ rest.ResetFieldsStrategy = (*status)(nil)
)

// objects is the endpoint of a stored kind: all verbs.
type objects struct {
	*genericregistry.Store
	kind *kinds.Kind
}

// Categories implements rest.CategoriesProvider.
func (o *objects) Categories() []string { return o.kind.Categories }

// Stats returns how many objects exist and how large they are, for priority and fairness.
func (o *objects) Stats(ctx context.Context) (apistorage.Stats, error) {
	return o.Storage.Storage.Stats(ctx)
}

// Create implements rest.Creater. It refuses a resourceVersion like a CRD, which lets "0"
// and anything that is not a number pass. Unlike a CRD, it reports a bad request.
func (o *objects) Create(ctx context.Context, object runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	if named, err := o.Storage.Versioner().ObjectResourceVersion(object); err == nil && named != 0 {
		return nil, apierrors.NewBadRequest(apistorage.ErrResourceVersionSetOnCreate.Error() + ": leave metadata.resourceVersion out")
	}
	return o.Store.Create(ctx, object, validate, options)
}

// Update implements rest.Updater.
func (o *objects) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, validate rest.ValidateObjectUpdateFunc, forceAllowCreate bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	ctx, info = storage.ConflictOnRecord(ctx, info)
	return o.Store.Update(ctx, name, info, create, validate, forceAllowCreate, options)
}

// status is the endpoint of a kind's status.
type status struct {
	store    *genericregistry.Store
	strategy kinds.StatusStrategy
}

// New implements rest.Storage.
func (s *status) New() runtime.Object { return s.store.New() }

// Destroy implements rest.Storage. The endpoint of the objects owns the store.
func (s *status) Destroy() {}

// Get implements rest.Getter.
func (s *status) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return s.store.Get(ctx, name, options)
}

// Update implements rest.Updater. A status needs an object, so nothing is ever created
// here, even by an apply.
func (s *status) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, validate rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	ctx, info = storage.ConflictOnRecord(ctx, info)
	return s.store.Update(ctx, name, info, create, validate, false, options)
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (s *status) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.strategy.GetResetFields()
}

// ConvertToTable implements rest.TableConvertor.
func (s *status) ConvertToTable(ctx context.Context, object, tableOptions runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, object, tableOptions)
}
