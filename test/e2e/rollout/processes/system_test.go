// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/e2e/rollout/history"
	"github.com/musterfleet/muster/test/e2e/rollout/scene"
	"github.com/musterfleet/muster/test/replay"
)

// connections is the number of connections between the agents and each replica.
const connections = 4

func TestRolloutsKeepTheirLimitsWhenAnyProcessIsKilled(t *testing.T) {
	random := replay.Rand(t)
	seed := random.Uint64()
	store := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	muster := cluster.Install(t, control, store, cluster.Options{
		Replicas: 2, Components: []string{"controller"},
		Args: []string{"--etcd-compaction-interval=0s"}, // the test reads the whole history at the end
	})
	play := &agents{}
	disturb := &chaos{t: t, random: rand.New(rand.NewPCG(seed, 1<<32)), well: &play.Well, etcd: []*cluster.Process{store.Member(0)}}
	for _, replica := range muster.Replicas() {
		disturb.servers = append(disturb.servers, replica.Process)
		var ways []versioned.Interface
		for range connections {
			c, err := versioned.NewForConfig(cluster.Unshared(replica.Direct(control.Config)))
			require.NoError(t, err)
			ways = append(ways, c)
		}
		play.ways = append(play.ways, ways)
	}
	for i := range 2 {
		p := control.Controller(t, store, fmt.Sprintf("controller-%d", i))
		require.NoError(t, p.Start())
		disturb.controllers = append(disturb.controllers, p)
	}
	w := &writer{t: t, ways: play.ways}
	w.makeClusters()

	ctx, end := context.WithCancel(t.Context())
	var agents, disturbing sync.WaitGroup
	defer agents.Wait()
	defer end()
	agents.Go(func() { play.run(ctx, seed) })
	script := &scene.Play{
		T: t, Mood: &play.Mood, Table: &play.Table, People: scene.NewPeople(rand.New(rand.NewPCG(seed, 1<<33)), w.edit), Write: w.write, Trouble: 4 * time.Second,
	}
	script.Begin()
	disturbed, calm := context.WithCancel(ctx)
	defer disturbing.Wait()
	defer calm()
	disturbing.Go(func() { disturb.run(disturbed) })
	script.Run(ctx)
	calm()
	disturbing.Wait()
	end()
	agents.Wait()
	for _, p := range disturb.controllers {
		p.Kill()
	}

	got, err := history.Check(t.Context(), etcd.New(store.Client(t), "/muster"), &play.Diary)
	require.NoError(t, err)
	t.Logf("%d reports, %d edits acknowledged, %d watches, %d agents restarted; %s; %s",
		play.reported.Load(), script.People.Made.Load(), play.watches.Load(), play.restarts.Load(), disturb, got)
	got.Require(t, script.Version)
	for kind, n := range disturb.killed {
		require.Positive(t, n, "no process of kind %d was killed", kind)
	}
}

// writer writes for operators: to any replica, again and again until one acknowledges the
// write.
type writer struct {
	t    *testing.T
	ways [][]versioned.Interface
}

// try calls do with one replica after the other until it succeeds; it returns false if the
// context ends first.
func (w *writer) try(ctx context.Context, do func(ctx context.Context, c versioned.Interface) error) bool {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for at := 0; ; at++ {
		trying, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := do(trying, w.ways[at%len(w.ways)][0])
		cancel()
		if err == nil {
			return true
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return false
		}
	}
}

func (w *writer) makeClusters() {
	control.MakeNamespace(w.t, scene.Namespace)
	var all sync.WaitGroup
	const crews = 8
	for crew := range crews {
		all.Go(func() {
			for number := crew; number < scene.Clusters; number += crews {
				c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: scene.Namespace, Name: scene.ClusterName(number), Labels: map[string]string{scene.RingLabel: scene.RingAt(number)}}}
				w.try(w.t.Context(), func(ctx context.Context, client versioned.Interface) error {
					_, err := client.FleetV1alpha1().Clusters(scene.Namespace).Create(ctx, c, metav1.CreateOptions{})
					if apierrors.IsAlreadyExists(err) {
						return nil
					}
					return err
				})
			}
		})
	}
	all.Wait()
}

func (w *writer) write(change func(b *v1alpha1.Bundle)) {
	ctx, cancel := context.WithTimeout(w.t.Context(), scene.Within)
	defer cancel()
	require.True(w.t, w.try(ctx, func(ctx context.Context, c versioned.Interface) error {
		bundles := c.FleetV1alpha1().Bundles(scene.Namespace)
		b, err := bundles.Get(ctx, scene.Bundle.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			b = &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: scene.Namespace, Name: scene.Bundle.Name}}
			change(b)
			_, err = bundles.Create(ctx, b, metav1.CreateOptions{})
			return err
		}
		if err != nil {
			return err
		}
		was := b.DeepCopy()
		if change(b); equality.Semantic.DeepEqual(was.Spec, b.Spec) {
			return nil
		}
		_, err = bundles.Update(ctx, b, metav1.UpdateOptions{})
		return err
	}), "the Bundle is not written")
}

func (w *writer) edit(ctx context.Context, e scene.Edit) bool {
	labels := map[string]any{}
	for _, key := range []string{scene.RingLabel, scene.TierLabel, scene.AppLabel} {
		labels[key] = nil
		if value, ok := e.Labels[key]; ok {
			labels[key] = value
		}
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}, "spec": map[string]any{"paused": e.Paused}})
	if err != nil {
		return false
	}
	return w.try(ctx, func(ctx context.Context, c versioned.Interface) error {
		_, err := c.FleetV1alpha1().Clusters(scene.Namespace).Patch(ctx, scene.ClusterName(e.Number), types.MergePatchType, body, metav1.PatchOptions{})
		return err
	})
}
