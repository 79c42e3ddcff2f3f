// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// Resource is that of the profiles.
var Resource = schema.GroupVersionResource{Group: "multicluster.x-k8s.io", Version: "v1alpha1", Resource: "clusterprofiles"}

// profile holds what this package reads of a ClusterProfile.
type profile struct {
	metav1.ObjectMeta

	properties []property
}

type property struct{ name, value string }

// sameAs reports whether two states of a profile ask for the same labels.
func (p *profile) sameAs(other *profile) bool {
	return p.UID == other.UID && p.gone() == other.gone() && maps.Equal(p.Labels, other.Labels) && slices.Equal(p.properties, other.properties)
}

// gone reports whether a profile is being deleted.
func (p *profile) gone() bool { return p.DeletionTimestamp != nil }

// inventory holds what the watch of the profiles reported last.
type inventory struct {
	profiles cache.SharedIndexInformer
}

// watchInventory prepares a watch of all profiles, which inventory.Run runs. It calls changed
// with the name of each profile that is new, has changed or is gone.
func watchInventory(client dynamic.Interface, complaints *complaints, changed func(record.Name)) (*inventory, error) {
	profiles := dynamicinformer.NewFilteredDynamicInformer(client, Resource, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
	notify := func(object any) {
		if meta, ok := object.(metav1.Object); ok {
			changed(record.Name{Namespace: meta.GetNamespace(), Name: meta.GetName()})
		}
	}
	_, handled := profiles.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: notify,
		UpdateFunc: func(before, after any) {
			if old, next := before.(*profile), after.(*profile); !old.sameAs(next) {
				notify(next)
			}
		},
		// A profile that is gone takes no label away.
	})
	if err := errors.Join(handled, profiles.SetTransform(decode), profiles.SetWatchErrorHandlerWithContext(complaints.watch)); err != nil {
		return nil, fmt.Errorf("watch ClusterProfiles: %w", err)
	}
	return &inventory{profiles}, nil
}

// watch logs why the watch of the profiles has ended, once for each reason. It begins again
// by itself.
func (c *complaints) watch(_ context.Context, _ *cache.Reflector, err error) {
	const subject = "inventory"
	switch {
	case apierrors.IsNotFound(err):
		if c.isNew(subject, "not found") {
			klog.InfoS("ClusterProfiles are not served; waits for their CustomResourceDefinition, and leaves all labels as they are", "resource", Resource)
		}
	case apierrors.IsResourceExpired(err), apierrors.IsGone(err), apierrors.IsTooManyRequests(err):
		klog.V(4).InfoS("The watch of ClusterProfiles begins again", "reason", err)
	case c.isNew(subject, err.Error()):
		klog.ErrorS(err, "ClusterProfiles cannot be read; tries again, and leaves all labels as they are")
	}
}

// get returns a profile; nil if it does not exist, is being deleted or was not read yet. The
// caller must not modify it.
func (i *inventory) get(name record.Name) *profile {
	object, exists, err := i.profiles.GetStore().GetByKey(name.Namespace + "/" + name.Name)
	if err != nil || !exists || object.(*profile).gone() {
		return nil
	}
	return object.(*profile)
}

// decode returns what this package needs of a profile. What does not have the form of its
// schema counts as absent.
func decode(object any) (any, error) {
	whole, ok := object.(*unstructured.Unstructured)
	if !ok {
		return object, nil
	}
	p := &profile{ObjectMeta: metav1.ObjectMeta{
		Namespace: whole.GetNamespace(), Name: whole.GetName(), UID: whole.GetUID(), ResourceVersion: whole.GetResourceVersion(),
		CreationTimestamp: whole.GetCreationTimestamp(), DeletionTimestamp: whole.GetDeletionTimestamp(), Labels: whole.GetLabels(),
	}}
	properties, _, _ := unstructured.NestedSlice(whole.Object, "status", "properties")
	for _, each := range properties {
		if fields, ok := each.(map[string]any); ok {
			name, _ := fields["name"].(string)
			value, _ := fields["value"].(string)
			p.properties = append(p.properties, property{name, value})
		}
	}
	return p, nil
}
