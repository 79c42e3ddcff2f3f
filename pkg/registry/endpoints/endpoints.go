// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	apistorage "k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/pkg/registry/storage"
)

const contents = "contents"

// Config holds what the endpoints are built from.
type Config struct {
	Engine *engine.Engine
	Log    *etcd.Log
	Scheme *runtime.Scheme
	Codecs serializer.CodecFactory
	// GarbageCollection honours propagation policies that only the cluster's garbage
	// collector can carry out. Without a garbage collector, a foreground deletion would
	// never end.
	GarbageCollection bool
	// Activity, if not nil, counts what the endpoints' stores do.
	Activity *storage.Activity
	// Reports, if not nil, bounds what each agent may report.
	Reports *storage.Allowance
}

// New returns the REST storages of the group, by resource.
func New(c Config) (map[string]rest.Storage, error) {
	out := map[string]rest.Storage{}
	for _, kind := range kinds.All() {
		if kind.Plural == contents {
			out[contents] = &contentsREST{kind, c.Log}
			continue
		}
		objects, err := c.objects(kind)
		if err != nil {
			return nil, fmt.Errorf("endpoint %s: %w", kind.Plural, err)
		}
		if kind.Computed {
			out[kind.Plural] = &computed{objects}
		} else {
			out[kind.Plural] = objects
		}
		if kind.StatusEndpoint {
			out[kind.Plural+"/status"] = c.status(kind, objects.Store)
		}
	}
	return out, nil
}

func (c Config) objects(kind *kinds.Kind) (*objects, error) {
	store := storage.NewObjects(kind.Plural, c.Engine, c.Log)
	if kind.Computed {
		store = storage.NewComputed(kind.Plural, c.Engine, c.Log)
	}
	store.CountIn(c.Activity)
	strategy := kind.Strategy(c.Scheme)
	registry := &genericregistry.Store{
		NewFunc:                   kind.New,
		NewListFunc:               kind.NewList,
		DefaultQualifiedResource:  kind.GroupResource(),
		SingularQualifiedResource: kind.SingularGroupResource(),
		CreateStrategy:            strategy,
		UpdateStrategy:            strategy,
		DeleteStrategy:            strategy,
		ResetFieldsStrategy:       strategy,
		TableConvertor:            kind.TableConvertor(),
		Storage:                   c.dryRunnable(discharging{store}),
		StorageVersioner:          v1alpha1.SchemeGroupVersion,
		DestroyFunc:               func() {},
	}
	options := generic.RESTOptions{ResourcePrefix: kind.Plural, EnableGarbageCollection: c.GarbageCollection, DeleteCollectionWorkers: 1}
	if err := registry.CompleteWithOptions(&generic.StoreOptions{RESTOptions: options, AttrFunc: kinds.GetAttrs}); err != nil {
		return nil, err
	}
	return &objects{Store: registry, kind: kind}, nil
}

func (c Config) dryRunnable(store apistorage.Interface) genericregistry.DryRunnableStorage {
	return genericregistry.DryRunnableStorage{Storage: store, Codec: c.Codecs.LegacyCodec(v1alpha1.SchemeGroupVersion)}
}

// status returns the endpoint of a kind's status: the same objects, but another record.
func (c Config) status(kind *kinds.Kind, of *genericregistry.Store) *status {
	registry := *of
	strategy := kind.StatusStrategy(c.Scheme)
	registry.CreateStrategy = nil
	registry.UpdateStrategy = strategy
	registry.ResetFieldsStrategy = strategy
	registry.Storage = c.dryRunnable(storage.NewReports(kind.Plural, c.Engine, c.Log).CountIn(c.Activity).Allow(c.Reports))
	return &status{store: &registry, strategy: strategy}
}
