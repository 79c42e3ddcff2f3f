// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package coreapi

import (
	"context"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	apistorage "k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/etcd3"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/apiserver/pkg/storage/value/encrypt/identity"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/registry/server"
)

// prefix is that of all keys of stored core objects. It is outside of the range that the
// engine watches.
const prefix = "/core"

// Stored serves the core objects that the all-in-one stores: Secrets and ConfigMaps, as
// kube-apiserver does, in the etcd of the fleet.
type Stored struct {
	client *clientv3.Client
	stores map[string]*genericregistry.Store
}

// NewStored returns the storages of Secrets and ConfigMaps in etcd.
func NewStored(client *clientv3.Client) (*Stored, error) {
	s := &Stored{client: client, stores: map[string]*genericregistry.Store{
		"secrets":    secretStore(),
		"configmaps": configMapStore(),
	}}
	for resource, store := range s.stores {
		options := &generic.StoreOptions{RESTOptions: s.options(resource)}
		if resource == "secrets" {
			options.AttrFunc = secretAttributes
		}
		if err := store.CompleteWithOptions(options); err != nil {
			return nil, fmt.Errorf("storage of %s: %w", resource, err)
		}
	}
	return s, nil
}

// Storage returns the storages by resource.
func (s *Stored) Storage() map[string]rest.Storage {
	return map[string]rest.Storage{
		"secrets":    plain{s.stores["secrets"], nil},
		"configmaps": plain{s.stores["configmaps"], []string{"cm"}},
	}
}

// plain is a Store with the short names of its resource.
type plain struct {
	*genericregistry.Store
	short []string
}

var _ rest.ShortNamesProvider = plain{}

// ShortNames implements rest.ShortNamesProvider.
func (p plain) ShortNames() []string { return p.short }

// HasNamespace reports whether an object is stored in a namespace.
func (s *Stored) HasNamespace(ctx context.Context, namespace string) (bool, error) {
	for resource := range s.stores {
		answer, err := s.client.Get(ctx, keysOf(resource)+namespace+"/", clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			return false, err
		}
		if answer.Count > 0 {
			return true, nil
		}
	}
	return false, nil
}

// Namespaces returns the namespaces that objects are stored in.
func (s *Stored) Namespaces(ctx context.Context) (map[string]bool, error) {
	found := map[string]bool{}
	for resource := range s.stores {
		root := keysOf(resource)
		for next, end := root, clientv3.GetPrefixRangeEnd(root); ; {
			answer, err := s.client.Get(ctx, next, clientv3.WithRange(end), clientv3.WithKeysOnly(), clientv3.WithLimit(1))
			if err != nil {
				return nil, err
			}
			if len(answer.Kvs) == 0 {
				break
			}
			namespace, _, _ := strings.Cut(strings.TrimPrefix(string(answer.Kvs[0].Key), root), "/")
			found[namespace] = true
			next = clientv3.GetPrefixRangeEnd(root + namespace + "/")
		}
	}
	return found, nil
}

func keysOf(resource string) string { return prefix + "/" + resource + "/" }

// options returns how a resource is stored: as protobuf, as kube-apiserver does, so that an
// object of the largest size fits into etcd's requests.
func (s *Stored) options(resource string) generic.RESTOptions {
	binary := protobuf.NewSerializer(server.CoreScheme, server.CoreScheme)
	codec := server.CoreCodecs.CodecForVersions(binary, server.CoreCodecs.UniversalDeserializer(), corev1.SchemeGroupVersion, internalVersion)
	config := storagebackend.NewDefaultConfig(prefix, codec)
	return generic.RESTOptions{
		StorageConfig:           config.ForResource(corev1.Resource(resource)),
		ResourcePrefix:          resource,
		DeleteCollectionWorkers: 1,
		Decorator:               s.open,
	}
}

var internalVersion = schema.GroupVersion{Group: corev1.GroupName, Version: runtime.APIVersionInternal}

// open returns the storage of a resource over the client to the embedded etcd, which has no
// address that the default could dial. There is no cache of watches: etcd is in this process.
func (s *Stored) open(
	config *storagebackend.ConfigForResource, resourcePrefix string, _ func(runtime.Object) (string, error),
	newObject, newList func() runtime.Object, _ apistorage.AttrFunc, _ apistorage.IndexerFuncs, _ *cache.Indexers,
) (apistorage.Interface, factory.DestroyFunc, error) {
	client := &kubernetes.Client{Client: s.client}
	client.Kubernetes = client
	versioner := apistorage.APIObjectVersioner{}
	store, err := etcd3.New(client, nil, config.Codec, newObject, newList, config.Prefix, resourcePrefix, config.GroupResource,
		identity.NewEncryptCheckTransformer(), config.LeaseManagerConfig, etcd3.NewDefaultDecoder(config.Codec, versioner), versioner)
	if err != nil {
		return nil, nil, err
	}
	return store, store.Close, nil
}
