// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package dependents

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/controller/queue"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Engine reads views.
type Engine interface {
	follow.Source
	Barrier(ctx context.Context) (*view.View, error)
}

// Options of a Dependents.
type Options struct {
	// Engine is a running engine.
	Engine Engine
	// Metadata watches and deletes Secrets and ConfigMaps.
	Metadata metadata.Interface
}

// Dependents is the controller.
type Dependents struct {
	Options
	caches map[string]cache.Indexer
	queue  *queue.Queue[key]
}

// key names an object that may have lost its owners.
type key struct {
	resource string
	name     record.Name
}

func (k key) tenant() string { return k.name.Namespace }

const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Minute
	workers    = 2
	// again is the time after which everything is looked at without a change.
	again = 10 * time.Minute
	// byOwner is the index of objects by the UIDs of their owners.
	byOwner = "owner"
)

// New returns a Dependents. It does nothing until it runs.
func New(options Options) *Dependents { return &Dependents{Options: options} }

// Run deletes until the context ends, and returns its error.
func (d *Dependents) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	d.queue = queue.New(queue.Options[key]{Tenant: key.tenant, FirstRetry: firstRetry, LastRetry: lastRetry, Slowest: lastRetry})
	factory := metadatainformer.NewSharedInformerFactory(d.Metadata, 0)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer factory.Shutdown()
	defer d.queue.ShutDown()
	defer cancel()
	if err := d.watch(ctx, factory); err != nil {
		return err
	}
	tasks.Go(func() { _ = d.following().Run(ctx) })
	d.queue.Work(ctx, workers, d.sync, failed)
	return ctx.Err()
}

// failed logs an error. Every key is tried again.
func failed(k key, err error) (again bool) {
	klog.ErrorS(err, "Could not delete an object whose owners are gone", "resource", k.resource, "name", k.name)
	return true
}

// watch returns when all Secrets and ConfigMaps have been listed.
func (d *Dependents) watch(ctx context.Context, factory metadatainformer.SharedInformerFactory) error {
	d.caches = map[string]cache.Indexer{}
	for _, resource := range []string{"secrets", "configmaps"} {
		informer := factory.ForResource(corev1.SchemeGroupVersion.WithResource(resource)).Informer()
		if err := informer.SetTransform(namesAndOwners); err != nil {
			return fmt.Errorf("watch %s: %w", resource, err)
		}
		if err := informer.AddIndexers(cache.Indexers{byOwner: ownersOf}); err != nil {
			return fmt.Errorf("watch %s: %w", resource, err)
		}
		add := func(object any) { d.add(resource, object) }
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, object any) { add(object) }}); err != nil {
			return fmt.Errorf("watch %s: %w", resource, err)
		}
		d.caches[resource] = informer.GetIndexer()
	}
	factory.Start(ctx.Done())
	for resource, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("list %s: %w", resource.Resource, context.Cause(ctx))
		}
	}
	return nil
}

// namesAndOwners drops the metadata that is not read here.
func namesAndOwners(object any) (any, error) {
	m, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil // a tombstone
	}
	return &metav1.PartialObjectMetadata{TypeMeta: m.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, OwnerReferences: m.OwnerReferences,
	}}, nil
}

func ownersOf(object any) (uids []string, err error) {
	if m, ok := object.(*metav1.PartialObjectMetadata); ok {
		for _, owner := range m.OwnerReferences {
			uids = append(uids, string(owner.UID))
		}
	}
	return uids, nil
}

// add gives an object a turn if it has owners.
func (d *Dependents) add(resource string, object any) {
	if m, ok := object.(*metav1.PartialObjectMetadata); ok && len(m.OwnerReferences) > 0 {
		d.queue.Add(key{resource, record.Name{Namespace: m.Namespace, Name: m.Name}})
	}
}

// following returns the loop that gives objects a turn when an owner goes.
func (d *Dependents) following() *follow.Loop {
	return &follow.Loop{
		Source: d.Engine, Every: again,
		Whole: func(*view.View) {
			for resource, objects := range d.caches {
				for _, object := range objects.List() {
					d.add(resource, object)
				}
			}
		},
		Changed: func(_ *view.View, revisions []*view.Revision) {
			for _, change := range follow.Changes(revisions, owning...) {
				if change.Prev == nil || change.Next != nil && uidOf(change.Prev) == uidOf(change.Next) {
					continue
				}
				for resource, objects := range d.caches {
					// It fails only without the index, which every cache has.
					owned, _ := objects.ByIndex(byOwner, string(uidOf(change.Prev)))
					for _, object := range owned {
						d.add(resource, object)
					}
				}
			}
		},
	}
}

// sync deletes an object if its owners are gone.
func (d *Dependents) sync(ctx context.Context, k key) error {
	object, exists, err := d.caches[k.resource].GetByKey(k.name.Namespace + "/" + k.name.Name)
	if err != nil || !exists {
		return err
	}
	m := object.(*metav1.PartialObjectMetadata)
	v, err := d.Engine.Barrier(ctx)
	if err != nil {
		return err
	}
	if v.Whole == view.Never || !gone(v, m.Namespace, m.OwnerReferences) {
		return nil
	}
	err = d.Metadata.Resource(corev1.SchemeGroupVersion.WithResource(k.resource)).Namespace(m.Namespace).Delete(ctx, m.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &m.UID, ResourceVersion: &m.ResourceVersion},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // the watch gives what changed another turn
	}
	return err
}
