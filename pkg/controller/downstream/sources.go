// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// sources reads the objects that are to be copied, each version once.
type sources struct {
	core    kubernetes.Interface
	stores  map[string]cache.Store
	factory metadatainformer.SharedInformerFactory
	mu      struct {
		sync.Mutex
		read map[resource]*source
	}
}

// source is one version of a Secret or a ConfigMap.
type source struct {
	secret    *corev1.Secret
	configMap *corev1.ConfigMap
	version   string
}

// watchSources calls changed for each Secret and ConfigMap that changes, until the context
// ends. It returns when all have been listed.
func watchSources(ctx context.Context, core kubernetes.Interface, client metadata.Interface, changed func(resource)) (*sources, error) {
	s := &sources{core: core, stores: map[string]cache.Store{}, factory: metadatainformer.NewSharedInformerFactory(client, 0)}
	s.mu.read = map[resource]*source{}
	for _, kind := range []string{secrets, configMaps} {
		informer := s.factory.ForResource(corev1.SchemeGroupVersion.WithResource(kind)).Informer()
		if err := informer.SetTransform(namesAndVersions); err != nil {
			return nil, fmt.Errorf("watch %s: %w", kind, err)
		}
		report := func(object any) {
			if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			if m, err := meta.Accessor(object); err == nil {
				changed(resource{kind, record.Name{Namespace: m.GetNamespace(), Name: m.GetName()}})
			}
		}
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: report, UpdateFunc: func(_, object any) { report(object) }, DeleteFunc: report,
		}); err != nil {
			return nil, fmt.Errorf("watch %s: %w", kind, err)
		}
		s.stores[kind] = informer.GetStore()
	}
	s.factory.Start(ctx.Done())
	for resource, synced := range s.factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			s.shutdown()
			return nil, fmt.Errorf("list %s: %w", resource.Resource, context.Cause(ctx))
		}
	}
	return s, nil
}

// shutdown waits for the watches to end after their context.
func (s *sources) shutdown() { s.factory.Shutdown() }

// namesAndVersions drops the metadata that is not read here: there may be many objects.
func namesAndVersions(object any) (any, error) {
	m, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil // a tombstone
	}
	return &metav1.PartialObjectMetadata{TypeMeta: m.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
	}}, nil
}

// get returns a source in the version that the watch reported last; nil if it does not
// exist. The caller must not modify it.
func (s *sources) get(ctx context.Context, r resource) (*source, error) {
	object, exists, err := s.stores[r.kind].GetByKey(r.name.Namespace + "/" + r.name.Name)
	if err != nil || !exists {
		s.mu.Lock()
		delete(s.mu.read, r)
		s.mu.Unlock()
		return nil, err
	}
	version := object.(metav1.Object).GetResourceVersion()
	s.mu.Lock()
	known := s.mu.read[r]
	s.mu.Unlock()
	if known != nil && known.version == version {
		return known, nil
	}
	read := &source{version: version}
	switch r.kind {
	case secrets:
		read.secret, err = s.core.CoreV1().Secrets(r.name.Namespace).Get(ctx, r.name.Name, metav1.GetOptions{})
	default:
		read.configMap, err = s.core.CoreV1().ConfigMaps(r.name.Namespace).Get(ctx, r.name.Name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return nil, nil // the watch will report its end
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", r.kind, r.name, err)
	}
	s.mu.Lock()
	s.mu.read[r] = read
	s.mu.Unlock()
	return read, nil
}
