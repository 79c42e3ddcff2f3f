// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Object is the metadata of an object that seems to exist.
type Object struct {
	Resource schema.GroupVersionResource
	*metav1.PartialObjectMetadata
}

// Indexes of the cache.
const (
	byOwner = "owner"
	byUser  = "user"
)

// Watch fills the cache with all namespaces, and the other objects of the Keeper's kinds that
// are marked as managed, and keeps it until the context ends. It returns when the cache is full. It lags
// behind kube-apiserver.
func (k *Keeper) Watch(ctx context.Context) error {
	k.stores = map[schema.GroupVersionResource]cache.Indexer{}
	all := metadatainformer.NewSharedInformerFactory(k.Metadata, 0)
	managed := metadatainformer.NewFilteredSharedInformerFactory(k.Metadata, 0, metav1.NamespaceAll, func(options *metav1.ListOptions) {
		options.LabelSelector = v1alpha1.LabelManaged + "=true"
	})
	for _, resource := range k.Resources {
		factory := managed
		if resource == Namespaces {
			factory = all
		}
		informer := factory.ForResource(resource).Informer()
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: k.changed, UpdateFunc: func(_, object any) { k.changed(object) }, DeleteFunc: k.changed,
		})
		indexers := cache.Indexers{byOwner: index(ownerOf), byUser: index(k.UserOf)}
		if err = errors.Join(err, informer.SetTransform(k.essence), informer.AddIndexers(indexers)); err != nil {
			return fmt.Errorf("watch %s: %w", resource.Resource, err)
		}
		k.stores[resource] = informer.GetIndexer()
	}
	for _, factory := range []metadatainformer.SharedInformerFactory{all, managed} {
		factory.Start(ctx.Done())
		for resource, synced := range factory.WaitForCacheSync(ctx.Done()) {
			if !synced {
				return fmt.Errorf("watch %s: %w", resource.Resource, context.Cause(ctx))
			}
		}
	}
	return nil
}

// changed reports a change of an object to its owner and its user.
func (k *Keeper) changed(object any) {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	m, err := meta.Accessor(object)
	if err != nil {
		return // the informers hold nothing else
	}
	if o, ok := ownerOf(m); ok {
		k.Changed(o)
	}
	if o, ok := k.UserOf(m); ok {
		k.UserChanged(o)
	}
}

// ownMarks are the annotations that Of reads.
var ownMarks = []string{
	Annotation, v1alpha1.LabelCluster, v1alpha1.LabelClusterNamespace, v1alpha1.LabelClusterRegistration, v1alpha1.LabelClusterRegistrationNamespace,
}

// essence drops the metadata that is never read: there may be many objects.
func (k *Keeper) essence(object any) (any, error) {
	m, err := meta.Accessor(object)
	if err != nil {
		return object, nil // a tombstone
	}
	m.SetManagedFields(nil)
	notes := map[string]string{}
	for _, keys := range [][]string{ownMarks, k.Annotations} {
		for _, key := range keys {
			if value, found := m.GetAnnotations()[key]; found {
				notes[key] = value
			}
		}
	}
	m.SetAnnotations(notes)
	if managed, found := m.GetLabels()[v1alpha1.LabelManaged]; found {
		m.SetLabels(map[string]string{v1alpha1.LabelManaged: managed})
	} else {
		m.SetLabels(nil)
	}
	return object, nil
}

func ownerOf(object metav1.Object) (Owner, bool) {
	o, _, ok := Of(object)
	return o, ok
}

func index(of func(metav1.Object) (Owner, bool)) cache.IndexFunc {
	return func(object any) ([]string, error) {
		m, err := meta.Accessor(object)
		if err != nil {
			return nil, err
		}
		if o, ok := of(m); ok {
			return []string{o.String()}, nil
		}
		return nil, nil
	}
}

// Of returns the objects that belong to an owner, in the order of removal.
func (k *Keeper) Of(o Owner) []Object {
	var found []Object
	for _, resource := range k.Resources {
		found = append(found, k.indexed(resource, byOwner, o)...)
	}
	return found
}

// UsedBy returns the objects of a kind that an owner uses although they belong to another.
func (k *Keeper) UsedBy(user Owner, resource schema.GroupVersionResource) []Object {
	return k.indexed(resource, byUser, user)
}

func (k *Keeper) indexed(resource schema.GroupVersionResource, index string, o Owner) []Object {
	objects, err := k.stores[resource].ByIndex(index, o.String())
	if err != nil {
		panic(err) // the index does not exist
	}
	var found []Object
	for _, object := range objects {
		if m, ok := object.(*metav1.PartialObjectMetadata); ok {
			found = append(found, Object{resource, m})
		}
	}
	return found
}

// has reports whether an object seems to exist.
func (k *Keeper) has(resource schema.GroupVersionResource, object metav1.Object) bool {
	return k.get(resource, object) != nil
}

// get returns the metadata of an object; nil if the cache has none.
func (k *Keeper) get(resource schema.GroupVersionResource, object metav1.Object) *metav1.PartialObjectMetadata {
	found, _, err := k.stores[resource].GetByKey(cache.ObjectName{Namespace: object.GetNamespace(), Name: object.GetName()}.String())
	if err != nil {
		return nil // an Indexer of this kind does not fail
	}
	m, _ := found.(*metav1.PartialObjectMetadata)
	return m
}
