// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
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
)

const (
	prefix    = "/muster"
	namespace = "fleet"
	// within bounds every wait for something that must happen.
	within = 2 * time.Minute
	tick   = 50 * time.Millisecond
)

// ring is a partition: so many Clusters, of which so many may be unavailable.
type ring struct {
	name       string
	size, most int
}

// rings are what the strategy makes of 10 % of each.
var rings = []ring{{"canary", 50, 5}, {"early", 150, 15}, {"late", 300, 30}}

// clusters and most are those of all rings.
const clusters, most = 500, 50

var bundleName = record.Name{Namespace: namespace, Name: "app"}

// ringOf is the place of a Cluster's ring, by its number.
func ringOf(number int) int {
	for i, r := range rings {
		if number < r.size {
			return i
		}
		number -= r.size
	}
	panic("no such Cluster")
}

func clusterName(number int) string { return fmt.Sprintf("c%03d", number) }

// deployment is the name of a Cluster's BundleDeployment.
func deployment(v *view.View, number int) (record.Name, bool) {
	item, ok := v.Get(record.Clusters, record.Name{Namespace: namespace, Name: clusterName(number)}).(*view.Object)
	if !ok {
		return record.Name{}, false
	}
	return record.Name{Namespace: item.Derived.Namespace, Name: bundleName.Name}, true
}

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name, Generation: 1, UID: types.UID("uid-of-" + name),
		CreationTimestamp: metav1.NewTime(time.Unix(1_700_000_000, 0).UTC()),
	}
}

// strategy is three rings one after the other, 10 % of each and of all.
func strategy() *v1alpha1.RolloutStrategy {
	tenth := intstr.FromString("10%")
	out := &v1alpha1.RolloutStrategy{MaxUnavailable: &tenth}
	for _, r := range rings {
		out.Partitions = append(out.Partitions, v1alpha1.Partition{
			Name: r.name, ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"ring": r.name}},
		})
	}
	return out
}

// setVersion makes a Bundle one of a version: its default namespace says which. A
// write that was committed without an answer is tried again and changes nothing.
func setVersion(b *v1alpha1.Bundle, version int) {
	if b.Spec.DefaultNamespace == strconv.Itoa(version) {
		return
	}
	b.Generation++
	b.Spec.DefaultNamespace = strconv.Itoa(version)
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "configmap.yaml", Content: "version: " + strconv.Itoa(version)}}
}

// server is a replica without its network: an engine, and stores over it.
type server struct {
	engine  *engine.Engine
	bundles *storage.Store
	reports *storage.Store
	ctx     context.Context
	end     func()
}

// world is all that there is: an etcd, a server that may be down, controllers.
type world struct {
	t    *testing.T
	etcd *etcdtest.Server
	log  *etcd.Log
	up   atomic.Pointer[server]
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, etcd: etcdtest.Start(t)}
	w.log = etcd.New(w.etcd.Client, prefix)
	for i := range clusters {
		c := &v1alpha1.Cluster{ObjectMeta: meta(clusterName(i))}
		c.Labels = map[string]string{"ring": rings[ringOf(i)].name}
		data, err := (&record.Object{Object: c}).Encode()
		require.NoError(t, err)
		key := record.ObjectKey(record.Clusters, record.Name{Namespace: namespace, Name: c.Name})
		_, ok, err := w.log.Commit(t.Context(), etcd.Txn{Put: map[record.Key][]byte{key: data}})
		require.NoError(t, err)
		require.True(t, ok)
	}
	return w
}

// start brings a server up.
func (w *world) start() {
	ctx, cancel := context.WithCancel(context.Background())
	log := etcd.New(w.etcd.Client, prefix)
	e := engine.New(log, engine.DefaultOptions())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	s := &server{
		engine:  e,
		bundles: storage.NewObjects(record.Bundles, e, log),
		reports: storage.NewReports(record.BundleDeployments, e, log),
		ctx:     ctx,
		end:     sync.OnceFunc(func() { cancel(); running.Wait() }),
	}
	w.t.Cleanup(s.end)
	w.up.Store(s)
}

// stop ends the server, with whatever is under way.
func (w *world) stop() {
	if s := w.up.Swap(nil); s != nil {
		s.end()
	}
}

// control runs the controllers of one process, over an engine of its own, until
// the function that it returns is called.
func (w *world) control() (kill func()) {
	ctx, cancel := context.WithCancel(context.Background())
	log := etcd.New(w.etcd.Client, prefix)
	e := engine.New(log, engine.DefaultOptions())
	m := controller.NewManager(controller.Options{})
	m.Add("rollout", controllerrollout.New(e, log))
	m.Add("sweep", sweep.NewWithOptions(e, log, sweep.Options{Every: 200 * time.Millisecond, Pause: time.Millisecond, Grace: time.Second}))
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	running.Go(func() { _ = m.Run(ctx) })
	kill = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.t.Cleanup(kill)
	return kill
}

// write makes a change to the Bundle, through whichever server is there, until it
// is acknowledged.
func (w *world) write(change func(b *v1alpha1.Bundle)) {
	require.Eventually(w.t, func() bool {
		s := w.up.Load()
		if s == nil {
			return false
		}
		ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
		defer cancel()
		var out v1alpha1.Bundle
		err := s.bundles.GuaranteedUpdate(ctx, "/bundles/"+bundleName.String(), &out, true, nil,
			func(in runtime.Object, _ apistorage.ResponseMeta) (runtime.Object, *uint64, error) {
				b := in.(*v1alpha1.Bundle).DeepCopy()
				if b.UID == "" {
					b.ObjectMeta = meta(bundleName.Name)
				}
				change(b)
				return b, nil, nil
			}, nil)
		if err != nil {
			w.t.Logf("a write of the Bundle is tried again: %v", err)
		}
		return err == nil
	}, within, 10*time.Millisecond)
}

// derivedID is what a BundleDeployment is told to deploy.
func derivedID(v *view.View, name record.Name) string {
	return v.Get(record.BundleDeployments, name).(*view.BundleDeployment).Content.DeploymentID
}
