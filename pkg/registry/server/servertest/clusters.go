// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package servertest holds a REST storage of Clusters in memory, for tests of the layers
// above storage. It keeps what it is given and derives nothing; it does not model the real
// storage. Every operation costs O(n) at most and may be called from any goroutine.
package servertest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Clusters is a storage of Clusters that starts empty.
type Clusters struct {
	rest.TableConvertor

	mu struct {
		sync.Mutex
		revision uint64
		items    map[string]*v1alpha1.Cluster
	}
}

var (
	_ rest.Storage              = (*Clusters)(nil)
	_ rest.Scoper               = (*Clusters)(nil)
	_ rest.SingularNameProvider = (*Clusters)(nil)
	_ rest.Getter               = (*Clusters)(nil)
	_ rest.Lister               = (*Clusters)(nil)
	_ rest.Creater              = (*Clusters)(nil)
	_ rest.Patcher              = (*Clusters)(nil)
	_ rest.Watcher              = (*Clusters)(nil)
)

// NewClusters returns an empty storage.
func NewClusters() *Clusters {
	c := &Clusters{TableConvertor: rest.NewDefaultTableConvertor(v1alpha1.Resource("clusters"))}
	c.mu.items = map[string]*v1alpha1.Cluster{}
	return c
}

// Storage returns a storage map for server.Config, with only empty Clusters.
func Storage() map[string]rest.Storage { return map[string]rest.Storage{"clusters": NewClusters()} }

// New implements rest.Storage.
func (*Clusters) New() runtime.Object { return &v1alpha1.Cluster{} }

// NewList implements rest.Lister.
func (*Clusters) NewList() runtime.Object { return &v1alpha1.ClusterList{} }

// Destroy implements rest.Storage.
func (*Clusters) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (*Clusters) NamespaceScoped() bool { return true }

// GetSingularName implements rest.SingularNameProvider.
func (*Clusters) GetSingularName() string { return "cluster" }

func key(ctx context.Context, name string) string { return request.NamespaceValue(ctx) + "/" + name }

// Get implements rest.Getter.
func (c *Clusters) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if item, ok := c.mu.items[key(ctx, name)]; ok {
		return item.DeepCopy(), nil
	}
	return nil, apierrors.NewNotFound(v1alpha1.Resource("clusters"), name)
}

// List implements rest.Lister. It ignores selectors.
func (c *Clusters) List(ctx context.Context, _ *internalversion.ListOptions) (runtime.Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := &v1alpha1.ClusterList{}
	list.ResourceVersion = strconv.FormatUint(c.mu.revision+1, 10)
	for _, k := range slices.Sorted(maps.Keys(c.mu.items)) {
		if strings.HasPrefix(k, request.NamespaceValue(ctx)) {
			list.Items = append(list.Items, *c.mu.items[k].DeepCopy())
		}
	}
	return list, nil
}

// Create implements rest.Creater.
func (c *Clusters) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	cluster := obj.(*v1alpha1.Cluster)
	cluster.Namespace = request.NamespaceValue(ctx)
	rest.FillObjectMetaSystemFields(cluster)
	if err := validate(ctx, cluster); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.mu.items[key(ctx, cluster.Name)]; ok {
		return nil, apierrors.NewAlreadyExists(v1alpha1.Resource("clusters"), cluster.Name)
	}
	return c.putLocked(ctx, cluster, dryrun.IsDryRun(options.DryRun)), nil
}

// Update implements rest.Updater.
func (c *Clusters) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	_ rest.ValidateObjectUpdateFunc, forceCreate bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	old, err := c.Get(ctx, name, nil)
	missing := apierrors.IsNotFound(err)
	if missing {
		if !forceCreate {
			return nil, false, err
		}
		old = c.New()
	}
	obj, err := info.UpdatedObject(ctx, old)
	if err != nil {
		return nil, false, err
	}
	if missing {
		created, err := c.Create(ctx, obj, create, &metav1.CreateOptions{DryRun: options.DryRun})
		return created, true, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.putLocked(ctx, obj.(*v1alpha1.Cluster), dryrun.IsDryRun(options.DryRun)), false, nil
}

func (c *Clusters) putLocked(ctx context.Context, cluster *v1alpha1.Cluster, dry bool) *v1alpha1.Cluster {
	if dry {
		return cluster
	}
	c.mu.revision++
	cluster.ResourceVersion = strconv.FormatUint(c.mu.revision, 10)
	c.mu.items[key(ctx, cluster.Name)] = cluster.DeepCopy()
	return cluster
}

// Watch implements rest.Watcher: a watch without events. It ends with its client or with
// the server.
func (*Clusters) Watch(context.Context, *internalversion.ListOptions) (watch.Interface, error) {
	return watch.NewFake(), nil
}
