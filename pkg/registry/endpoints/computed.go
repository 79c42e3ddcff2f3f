// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"context"

	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/rest"
	apistorage "k8s.io/apiserver/pkg/storage"
)

var (
	_ rest.Storage              = (*computed)(nil)
	_ rest.Scoper               = (*computed)(nil)
	_ rest.SingularNameProvider = (*computed)(nil)
	_ rest.CategoriesProvider   = (*computed)(nil)
	_ rest.Getter               = (*computed)(nil)
	_ rest.Lister               = (*computed)(nil)
	_ rest.Watcher              = (*computed)(nil)
)

// computed is the endpoint of a derived kind: get, list, watch. The objects are a field, so
// that their other verbs are not exposed.
type computed struct{ objects *objects }

// New implements rest.Storage.
func (c *computed) New() runtime.Object { return c.objects.New() }

// Destroy implements rest.Storage.
func (c *computed) Destroy() { c.objects.Destroy() }

// NamespaceScoped implements rest.Scoper.
func (c *computed) NamespaceScoped() bool { return c.objects.NamespaceScoped() }

// GetSingularName implements rest.SingularNameProvider.
func (c *computed) GetSingularName() string { return c.objects.GetSingularName() }

// Categories implements rest.CategoriesProvider.
func (c *computed) Categories() []string { return c.objects.Categories() }

// Stats returns how many objects exist and how large they are, for priority and fairness.
func (c *computed) Stats(ctx context.Context) (apistorage.Stats, error) { return c.objects.Stats(ctx) }

// Get implements rest.Getter.
func (c *computed) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return c.objects.Get(ctx, name, options)
}

// NewList implements rest.Lister.
func (c *computed) NewList() runtime.Object { return c.objects.NewList() }

// List implements rest.Lister.
func (c *computed) List(ctx context.Context, options *internalversion.ListOptions) (runtime.Object, error) {
	return c.objects.List(ctx, options)
}

// ConvertToTable implements rest.Lister.
func (c *computed) ConvertToTable(ctx context.Context, object, tableOptions runtime.Object) (*metav1.Table, error) {
	return c.objects.ConvertToTable(ctx, object, tableOptions)
}

// Watch implements rest.Watcher.
func (c *computed) Watch(ctx context.Context, options *internalversion.ListOptions) (watch.Interface, error) {
	return c.objects.Watch(ctx, options)
}
