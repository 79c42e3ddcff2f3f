// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package inprocess

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apistorage "k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller"
	controllerrollout "github.com/musterfleet/muster/pkg/controller/rollout"
	"github.com/musterfleet/muster/pkg/controller/sweep"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/storage"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/e2e/rollout/history"
	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

const prefix = "/muster"

// deployment returns the name of a Cluster's BundleDeployment.
func deployment(v *view.View, number int) (record.Name, bool) {
	item, ok := v.Get(record.Clusters, record.Name{Namespace: scene.Namespace, Name: scene.ClusterName(number)}).(*view.Object)
	if !ok {
		return record.Name{}, false
	}
	return record.Name{Namespace: item.Derived.Namespace, Name: scene.Bundle.Name}, true
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: scene.Namespace, Name: name, Generation: 1, UID: types.UID("uid-of-" + name),
		CreationTimestamp: metav1.NewTime(time.Unix(1_700_000_000, 0).UTC()),
	}
}

// server is a replica without its network: an engine and its stores.
type server struct {
	engine  *engine.Engine
	bundles *storage.Store
	edits   *storage.Store
	reports *storage.Store
	ctx     context.Context
	end     func()
}

// world holds an etcd, and a server that may be down.
type world struct {
	t    *testing.T
	etcd *etcdtest.Server
	log  *etcd.Log
	up   atomic.Pointer[server]
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, etcd: etcdtest.Start(t)}
	w.log = etcd.New(w.etcd.Client, prefix)
	for i := range scene.Clusters {
		c := &v1alpha1.Cluster{ObjectMeta: meta(scene.ClusterName(i))}
		c.Labels = map[string]string{scene.RingLabel: scene.RingAt(i)}
		data, err := (&record.Object{Object: c}).Encode()
		require.NoError(t, err)
		key := record.ObjectKey(record.Clusters, record.Name{Namespace: scene.Namespace, Name: c.Name})
		_, ok, err := w.log.Commit(t.Context(), etcd.Txn{Put: map[record.Key][]byte{key: data}})
		require.NoError(t, err)
		require.True(t, ok)
	}
	return w
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	log := etcd.New(w.etcd.Client, prefix)
	e := engine.New(log, engine.DefaultOptions())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	s := &server{
		engine:  e,
		bundles: storage.NewObjects(record.Bundles, e, log),
		edits:   storage.NewObjects(record.Clusters, e, log),
		reports: storage.NewReports(record.BundleDeployments, e, log),
		ctx:     ctx,
		end:     sync.OnceFunc(func() { cancel(); running.Wait() }),
	}
	w.t.Cleanup(s.end)
	w.up.Store(s)
}

// stop stops the server, with all requests in progress.
func (w *world) stop() {
	if s := w.up.Swap(nil); s != nil {
		s.end()
	}
}

// control runs the controllers of one process, over an engine of its own, until the
// returned function is called.
func (w *world) control() (kill func()) {
	ctx, cancel := context.WithCancel(context.Background())
	log := etcd.New(w.etcd.Client, prefix)
	e := engine.New(log, engine.DefaultOptions())
	m := controller.NewManager(controller.Options{})
	m.Add("rollout", controllerrollout.New(e, log))
	m.Add("sweep", sweep.New(e, log, sweep.Options{Every: 200 * time.Millisecond, Pause: time.Millisecond, Grace: time.Second}))
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	running.Go(func() { _ = m.Run(ctx) })
	kill = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.t.Cleanup(kill)
	return kill
}

// write changes the Bundle, through any server that runs, until the change is acknowledged.
func (w *world) write(change func(b *v1alpha1.Bundle)) {
	require.Eventually(w.t, func() bool {
		s := w.up.Load()
		if s == nil {
			return false
		}
		ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
		defer cancel()
		var out v1alpha1.Bundle
		err := s.bundles.GuaranteedUpdate(ctx, "/bundles/"+scene.Bundle.String(), &out, true, nil,
			func(in runtime.Object, _ apistorage.ResponseMeta) (runtime.Object, *uint64, error) {
				b := in.(*v1alpha1.Bundle).DeepCopy()
				if b.UID == "" {
					b.ObjectMeta = meta(scene.Bundle.Name)
				}
				before := b.DeepCopy()
				change(b)
				if !equality.Semantic.DeepEqual(before.Spec, b.Spec) {
					b.Generation++
				}
				return b, nil, nil
			}, nil)
		if err != nil {
			w.t.Logf("a write of the Bundle is retried: %v", err)
		}
		return err == nil
	}, scene.Within, 10*time.Millisecond)
}

// edit applies an edit to a Cluster, through any server that runs. It returns false if the
// context ended before the edit was acknowledged.
func (w *world) edit(ctx context.Context, e scene.Edit) bool {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if s := w.up.Load(); s != nil {
			trying, cancel := context.WithTimeout(s.ctx, 10*time.Second)
			var out v1alpha1.Cluster
			err := s.edits.GuaranteedUpdate(trying, "/clusters/"+scene.Namespace+"/"+scene.ClusterName(e.Number), &out, false, nil,
				func(in runtime.Object, _ apistorage.ResponseMeta) (runtime.Object, *uint64, error) {
					c := in.(*v1alpha1.Cluster).DeepCopy()
					e.Put(c)
					return c, nil, nil
				}, nil)
			cancel()
			if err == nil {
				return true
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
}

func (w *world) read(t *testing.T, diary *history.Diary) *history.End {
	end, err := history.Check(t.Context(), w.log, diary)
	require.NoError(t, err)
	return end
}
