// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package coreapi

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metatable "k8s.io/apimachinery/pkg/api/meta/table"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/musterfleet/muster/pkg/registry/view"
)

var (
	_ rest.Storage              = (*namespaces)(nil)
	_ rest.Scoper               = (*namespaces)(nil)
	_ rest.SingularNameProvider = (*namespaces)(nil)
	_ rest.ShortNamesProvider   = (*namespaces)(nil)
	_ rest.Getter               = (*namespaces)(nil)
	_ rest.Lister               = (*namespaces)(nil)
)

// namespaces serves the core API's Namespaces, read-only. The all-in-one stores none: a
// namespace exists while an object is in it, and the one called always exists always.
// kubectl reads a namespace before it reports that an object in it is missing.
type namespaces struct {
	read   func(context.Context) (*view.View, error)
	stored *Stored
	always string
}

// NewNamespaces returns the storage of Namespaces that hold an object of the views that read
// returns, or a stored core object. The one called always exists even while it is empty.
func NewNamespaces(read func(context.Context) (*view.View, error), stored *Stored, always string) rest.Storage {
	return &namespaces{read, stored, always}
}

// New implements rest.Storage.
func (n *namespaces) New() runtime.Object { return &corev1.Namespace{} }

// NewList implements rest.Lister.
func (n *namespaces) NewList() runtime.Object { return &corev1.NamespaceList{} }

// Destroy implements rest.Storage.
func (n *namespaces) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (n *namespaces) NamespaceScoped() bool { return false }

// GetSingularName implements rest.SingularNameProvider.
func (n *namespaces) GetSingularName() string { return "namespace" }

// ShortNames implements rest.ShortNamesProvider.
func (n *namespaces) ShortNames() []string { return []string{"ns"} }

// ConvertToTable implements rest.Lister. It shows no age: nothing created them.
func (n *namespaces) ConvertToTable(_ context.Context, object, _ runtime.Object) (*metav1.Table, error) {
	out := &metav1.Table{ColumnDefinitions: []metav1.TableColumnDefinition{
		{Name: "Name", Type: "string", Format: "name", Description: "The namespace, which exists because something is in it"},
		{Name: "Status", Type: "string", Description: "Always Active"},
	}}
	if list, err := meta.ListAccessor(object); err == nil {
		out.ResourceVersion = list.GetResourceVersion()
	}
	var err error
	out.Rows, err = metatable.MetaToTableRow(object, func(o runtime.Object, _ metav1.Object, name, _ string) ([]any, error) {
		return []any{name, string(o.(*corev1.Namespace).Status.Phase)}, nil
	})
	return out, err
}

// Get implements rest.Getter.
func (n *namespaces) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	v, err := n.view(ctx)
	if err != nil {
		return nil, err
	}
	if name == n.always || v.HasNamespace(name) {
		return namespaceOf(name, v.Revision), nil
	}
	switch holds, err := n.stored.HasNamespace(ctx, name); {
	case err != nil:
		return nil, unknown(err)
	case !holds:
		return nil, apierrors.NewNotFound(corev1.Resource("namespaces"), name)
	}
	return namespaceOf(name, v.Revision), nil
}

// List implements rest.Lister.
func (n *namespaces) List(ctx context.Context, options *internalversion.ListOptions) (runtime.Object, error) {
	v, err := n.view(ctx)
	if err != nil {
		return nil, err
	}
	list := &corev1.NamespaceList{Items: []corev1.Namespace{}}
	list.ResourceVersion = view.VersionAt(v.Revision).String()
	names, err := n.stored.Namespaces(ctx)
	if err != nil {
		return nil, unknown(err)
	}
	names[n.always] = true
	for _, name := range v.Namespaces() {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		item := namespaceOf(name, v.Revision)
		if selects(options, item) {
			list.Items = append(list.Items, *item)
		}
	}
	return list, nil
}

// selects reports whether the options select a namespace. The scheme admits only the name
// and the namespace as fields, and a namespace has no namespace.
func selects(options *internalversion.ListOptions, namespace *corev1.Namespace) bool {
	return options == nil ||
		(options.LabelSelector == nil || options.LabelSelector.Matches(labels.Set(namespace.Labels))) &&
			(options.FieldSelector == nil || options.FieldSelector.Matches(fields.Set{"metadata.name": namespace.Name}))
}

func (n *namespaces) view(ctx context.Context) (*view.View, error) {
	v, err := n.read(ctx)
	if err != nil {
		return nil, unknown(err)
	}
	return v, nil
}

func unknown(err error) error {
	return apierrors.NewServiceUnavailable(fmt.Sprintf("namespaces are not known yet: %v", err))
}

func namespaceOf(name string, revision int64) *corev1.Namespace {
	out := &corev1.Namespace{}
	out.Name = name
	out.UID = types.UID(uuid.NewSHA1(uuid.NameSpaceDNS, []byte("namespace/"+name)).String())
	out.ResourceVersion = view.VersionAt(revision).String()
	out.Labels = map[string]string{corev1.LabelMetadataName: name}
	out.Status.Phase = corev1.NamespaceActive
	return out
}
