// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Kinds of the core API that this package makes.
var (
	namespaces          = corev1.SchemeGroupVersion.WithResource("namespaces")
	serviceAccounts     = corev1.SchemeGroupVersion.WithResource("serviceaccounts")
	secrets             = corev1.SchemeGroupVersion.WithResource("secrets")
	roles               = rbacv1.SchemeGroupVersion.WithResource("roles")
	roleBindings        = rbacv1.SchemeGroupVersion.WithResource("rolebindings")
	clusterRoleBindings = rbacv1.SchemeGroupVersion.WithResource("clusterrolebindings")
)

// inOrderOfRemoval: an account loses its rights before it goes.
var inOrderOfRemoval = []schema.GroupVersionResource{clusterRoleBindings, roleBindings, roles, secrets, serviceAccounts}

// known is the metadata of all namespaces, and of other objects that are marked as
// managed. It lags behind kube-apiserver.
type known struct {
	stores map[schema.GroupVersionResource]cache.Indexer
}

// Indexes of the stores.
const (
	byOwner = "owner"
	byToken = "token"
)

// watchCore fills a known and keeps it until the context ends. It tells changed of
// the owner of each object that changes, and fetchable of the token by which
// credentials that change can be fetched.
func watchCore(ctx context.Context, client metadata.Interface, changed, fetchable func(owner)) (*known, error) {
	k := &known{stores: map[schema.GroupVersionResource]cache.Indexer{}}
	all := metadatainformer.NewSharedInformerFactory(client, 0)
	managed := metadatainformer.NewFilteredSharedInformerFactory(client, 0, metav1.NamespaceAll, func(options *metav1.ListOptions) {
		options.LabelSelector = v1alpha1.LabelManaged + "=true"
	})
	tell := func(object any) {
		if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = gone.Obj
		}
		m, err := meta.Accessor(object)
		if err != nil {
			return // the informers hold nothing else
		}
		if o, _, ok := ownerOf(m); ok {
			changed(o)
		}
		if o, ok := tokenOf(m); ok {
			fetchable(o)
		}
	}
	for _, resource := range append([]schema.GroupVersionResource{namespaces}, inOrderOfRemoval...) {
		factory := managed
		if resource == namespaces {
			factory = all
		}
		informer := factory.ForResource(resource).Informer()
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: tell, UpdateFunc: func(_, object any) { tell(object) }, DeleteFunc: tell,
		})
		if err = errors.Join(err, informer.SetTransform(essence), informer.AddIndexers(cache.Indexers{byOwner: indexOwner, byToken: indexToken})); err != nil {
			return nil, fmt.Errorf("watch %s: %w", resource.Resource, err)
		}
		k.stores[resource] = informer.GetIndexer()
	}
	for _, factory := range []metadatainformer.SharedInformerFactory{all, managed} {
		factory.Start(ctx.Done())
		for resource, synced := range factory.WaitForCacheSync(ctx.Done()) {
			if !synced {
				return nil, fmt.Errorf("watch %s: %w", resource.Resource, context.Cause(ctx))
			}
		}
	}
	return k, nil
}

// essence drops what nobody here reads; there may be many objects.
func essence(object any) (any, error) {
	m, err := meta.Accessor(object)
	if err != nil {
		return object, nil // a tombstone
	}
	m.SetManagedFields(nil)
	notes := map[string]string{}
	for _, key := range []string{
		ownerAnnotation, v1alpha1.LabelCluster, v1alpha1.LabelClusterNamespace, v1alpha1.LabelClusterRegistration,
		v1alpha1.LabelClusterRegistrationNamespace, v1alpha1.LabelRegistrationToken,
	} {
		if value, found := m.GetAnnotations()[key]; found {
			notes[key] = value
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

func indexOwner(object any) ([]string, error) {
	m, err := meta.Accessor(object)
	if err != nil {
		return nil, err
	}
	o, _, ok := ownerOf(m)
	if !ok {
		return nil, nil
	}
	return []string{o.String()}, nil
}

func indexToken(object any) ([]string, error) {
	m, err := meta.Accessor(object)
	if err != nil {
		return nil, err
	}
	o, ok := tokenOf(m)
	if !ok {
		return nil, nil
	}
	return []string{o.String()}, nil
}

// tokenOf is the token whose holder may fetch the credentials that an object is.
func tokenOf(object metav1.Object) (owner, bool) {
	notes := object.GetAnnotations()
	name := record.Name{Namespace: notes[v1alpha1.LabelClusterRegistrationNamespace], Name: notes[v1alpha1.LabelRegistrationToken]}
	return owner{tokens, name}, name.Namespace != "" && name.Name != ""
}

// thing is an object that is known.
type thing struct {
	resource schema.GroupVersionResource
	*metav1.PartialObjectMetadata
}

// of returns what belongs to an owner, in the order of removal.
func (k *known) of(o owner) []thing {
	var found []thing
	for _, resource := range append(inOrderOfRemoval, namespaces) {
		found = append(found, k.indexed(resource, byOwner, o)...)
	}
	return found
}

// credentials are the Secrets that the holder of a token may fetch.
func (k *known) credentials(token owner) []thing { return k.indexed(secrets, byToken, token) }

func (k *known) indexed(resource schema.GroupVersionResource, index string, o owner) []thing {
	objects, err := k.stores[resource].ByIndex(index, o.String())
	if err != nil {
		panic(err) // there is no such index
	}
	var found []thing
	for _, object := range objects {
		if m, ok := object.(*metav1.PartialObjectMetadata); ok {
			found = append(found, thing{resource, m})
		}
	}
	return found
}

// has tells if an object seems to be there.
func (k *known) has(resource schema.GroupVersionResource, object metav1.Object) bool {
	return k.get(resource, object) != nil
}

// get is what is known of an object, nil if it is not.
func (k *known) get(resource schema.GroupVersionResource, object metav1.Object) *metav1.PartialObjectMetadata {
	found, _, err := k.stores[resource].GetByKey(cache.ObjectName{Namespace: object.GetNamespace(), Name: object.GetName()}.String())
	if err != nil {
		return nil // an Indexer of this kind does not fail
	}
	m, _ := found.(*metav1.PartialObjectMetadata)
	return m
}

// namespace is a namespace, nil if none of the name is known.
func (k *known) namespace(name string) *metav1.PartialObjectMetadata {
	return k.get(namespaces, &metav1.ObjectMeta{Name: name})
}
