// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	reader "github.com/musterfleet/muster/pkg/registry/storage"
)

const resource = "pods"

func init() {
	record.Add(resource, schema.GroupVersionKind{}, func(p *example.Pod) *example.PodStatus { return &p.Status })
}

// pods is the store of upstream's example. Muster reads and writes it like any kind of the
// group from which nothing is derived.
type pods struct {
	t      *testing.T
	server *etcdtest.Server
	log    *etcd.Log
	mu     struct {
		sync.RWMutex
		*reader.Store
		stop func()
	}
}

var _ storage.Interface = (*pods)(nil)

func newPods(t *testing.T) *pods {
	t.Helper()
	server := etcdtest.Start(t)
	p := &pods{t: t, server: server, log: etcd.New(server.Client, "/muster")}
	p.mu.stop = func() {}
	p.restart()
	return p
}

// restart puts a new replica in the place of the current one.
func (p *pods) restart() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.stop()
	var e *engine.Engine
	e, p.mu.stop = startEngine(p.t, p.log)
	p.mu.Store = reader.NewObjects(resource, e, p.log).WithPlaces(0) // upstream adds one to versions
}

// startEngine starts an engine and waits until it is ready. The engine ends with stop, at the
// latest with the test.
func startEngine(t *testing.T, log *etcd.Log) (e *engine.Engine, stop func()) {
	t.Helper()
	e = engine.New(log, engine.DefaultOptions())
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = e.Run(ctx) }) // it ends only with its context
	stop = func() { cancel(); done.Wait() }
	t.Cleanup(stop)
	require.Eventually(t, func() bool { return e.Ready() == nil }, time.Minute, time.Millisecond)
	return e, stop
}

// increase implements upstream's IncreaseRVFunc.
func (p *pods) increase(ctx context.Context, t *testing.T) int64 {
	t.Helper()
	put, err := p.server.Client.Put(ctx, "elsewhere", "x")
	require.NoError(t, err)
	return put.Header.Revision
}

// compact implements upstream's Compaction. A running replica keeps its own history, so
// only a replica that starts later lacks what was compacted.
func (p *pods) compact(ctx context.Context, t *testing.T, resourceVersion string) {
	t.Helper()
	revision, err := strconv.ParseInt(resourceVersion, 10, 64)
	require.NoError(t, err)
	_, err = p.server.Client.Put(ctx, "elsewhere", "y") // like kube-apiserver's own compaction
	require.NoError(t, err)
	_, err = p.server.Client.Compact(ctx, revision)
	require.NoError(t, err)
	p.restart()
}

func (p *pods) store() *reader.Store {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.mu.Store
}

func (p *pods) Versioner() storage.Versioner { return p.store().Versioner() }

func (p *pods) Create(ctx context.Context, key string, obj, out runtime.Object, ttl uint64) error {
	return p.store().Create(ctx, key, obj, out, ttl)
}

func (p *pods) Delete(ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions, validate storage.ValidateObjectFunc, cached runtime.Object, opts storage.DeleteOptions) error {
	return p.store().Delete(ctx, key, out, preconditions, validate, cached, opts)
}

func (p *pods) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	return p.store().Watch(ctx, key, opts)
}

func (p *pods) Get(ctx context.Context, key string, opts storage.GetOptions, out runtime.Object) error {
	return p.store().Get(ctx, key, opts, out)
}

func (p *pods) GetList(ctx context.Context, key string, opts storage.ListOptions, list runtime.Object) error {
	return p.store().GetList(ctx, key, opts, list)
}

func (p *pods) GuaranteedUpdate(ctx context.Context, key string, out runtime.Object, ignoreNotFound bool, preconditions *storage.Preconditions, update storage.UpdateFunc, cached runtime.Object) error {
	return p.store().GuaranteedUpdate(ctx, key, out, ignoreNotFound, preconditions, update, cached)
}

func (p *pods) Stats(ctx context.Context) (storage.Stats, error) { return p.store().Stats(ctx) }

func (p *pods) ReadinessCheck() error { return p.store().ReadinessCheck() }

func (p *pods) RequestWatchProgress(ctx context.Context) error {
	return p.store().RequestWatchProgress(ctx)
}

func (p *pods) GetCurrentResourceVersion(ctx context.Context) (uint64, error) {
	return p.store().GetCurrentResourceVersion(ctx)
}

func (p *pods) EnableResourceSizeEstimation(keys storage.KeysFunc) error {
	return p.store().EnableResourceSizeEstimation(keys)
}

func (p *pods) CompactRevision() int64 { return p.store().CompactRevision() }
