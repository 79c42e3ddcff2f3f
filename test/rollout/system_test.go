// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/replay"
)

var errEnough = errors.New("all has been read")

func contextWithCause(t *testing.T) (context.Context, context.CancelCauseFunc) {
	return context.WithCancelCause(t.Context())
}

// rounds is how many versions are rolled out one after the other.
func rounds(t *testing.T) int {
	given := os.Getenv("MUSTER_ROLLOUT_ROUNDS")
	if given == "" {
		return 1
	}
	n, err := strconv.Atoi(given)
	require.NoError(t, err, "MUSTER_ROLLOUT_ROUNDS is how many versions are rolled out one after the other")
	return n
}

func TestARollOutKeepsItsLimitsWhateverFails(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	w := newWorld(t)
	w.start()
	play := &agents{world: w}
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	seed := r.Uint64()
	all.Go(func() { play.run(ctx, seed) })
	disturb, calm := context.WithCancel(ctx)
	chaos := rand.New(rand.NewPCG(seed, 1))
	var disturbing sync.WaitGroup
	disturbing.Go(func() { w.disturb(disturb, chaos, &play.well) })

	version := 1
	w.write(func(b *v1alpha1.Bundle) {
		b.Spec.RolloutStrategy = strategy()
		b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterSelector: &metav1.LabelSelector{}}}
		setVersion(b, version)
	})
	w.arrives(play, version)
	for range rounds(t) {
		// One that works.
		version++
		w.write(func(b *v1alpha1.Bundle) { setVersion(b, version) })
		w.arrives(play, version)

		// One that does not, and is replaced while it is stuck in the first ring.
		version++
		play.broken.Store(int64(version))
		w.write(func(b *v1alpha1.Bundle) { setVersion(b, version) })
		w.sticks(version)
		version++
		w.write(func(b *v1alpha1.Bundle) { setVersion(b, version) })
		w.arrives(play, version)

		// Without limits all have it at once; with limits again, none before its time.
		version++
		w.write(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = nil; setVersion(b, version) })
		w.arrives(play, version)
		version++
		w.write(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = strategy(); setVersion(b, version) })
		w.arrives(play, version)
	}
	calm()
	disturbing.Wait()
	w.stop()
	w.start()
	h := w.read(t)
	if wrong := play.wrong.Load(); wrong != nil {
		require.Fail(t, "an agent saw what it must not see", *wrong)
	}
	t.Logf("%d revisions, %d reports, %d promotions, %d of available ones, a limit reached %d times", h.revision, play.reported.Load(), h.promoted, h.disrupted, h.full)
	for number, now := range h.now() {
		require.Equal(t, version, now.version, clusterName(number))
	}
	require.Positive(t, h.full, "a limit that is never reached is not tested")
	require.Positive(t, h.limits)
	require.Positive(t, h.unlimited)
}

// disturb ends servers and controllers at random, and starts others; sometimes two
// controllers run at once. While all shall be well it ends none, so that a busy
// machine gets there.
func (w *world) disturb(ctx context.Context, r *rand.Rand, well *atomic.Bool) {
	var controllers []func()
	defer func() {
		for _, kill := range controllers {
			kill()
		}
	}()
	controllers = append(controllers, w.control())
	for {
		select {
		case <-ctx.Done():
			if w.up.Load() == nil {
				w.start()
			}
			return
		case <-time.After(time.Duration(400+r.IntN(1600)) * time.Millisecond):
		}
		act := r.IntN(3)
		if well.Load() {
			act = 3
		}
		switch act {
		case 0:
			if w.up.Load() == nil {
				w.start()
			} else {
				w.stop()
			}
		case 1:
			if len(controllers) > 0 {
				controllers[0]()
				controllers = controllers[1:]
			}
		}
		if w.up.Load() == nil && (act == 3 || r.IntN(2) == 0) {
			w.start()
		}
		if len(controllers) == 0 || len(controllers) == 1 && r.IntN(4) == 0 {
			controllers = append(controllers, w.control())
		}
	}
}

// arrives waits until a version is on all Clusters, and ready. After a while agents
// stop to fail, so that it can.
func (w *world) arrives(play *agents, version int) {
	started := time.Now()
	defer play.well.Store(false)
	require.Eventually(w.t, func() bool {
		if time.Since(started) > 3*time.Second {
			play.well.Store(true)
		}
		return w.count(func(_ int, promoted, applied string, ready bool, at int) bool {
			return at == version && applied == promoted && ready
		}) == clusters
	}, within, tick, "version %d is on all Clusters", version)
	w.t.Logf("version %d took %s; %d reports so far", version, time.Since(started).Round(10*time.Millisecond), play.reported.Load())
}

// sticks waits until a version has come as far as it can, and not further: as many
// of the first ring as may be unavailable.
func (w *world) sticks(version int) {
	first := rings[0]
	require.Eventually(w.t, func() bool {
		return w.count(func(number int, _, _ string, _ bool, at int) bool { return at == version && ringOf(number) == 0 }) >= first.most
	}, within, tick, "version %d comes to the first ring", version)
}

// count counts the Clusters for which ok is true of the BundleDeployment.
func (w *world) count(ok func(number int, promoted, applied string, ready bool, version int) bool) (n int) {
	s := w.up.Load()
	if s == nil {
		return 0
	}
	v, err := s.engine.Current()
	if err != nil {
		return 0
	}
	for number := range clusters {
		name, there := deployment(v, number)
		bd, isThere := v.Get(record.BundleDeployments, name).(*view.BundleDeployment)
		if !there || !isThere || bd.Content.Empty() {
			continue
		}
		var status v1alpha1.BundleDeploymentStatus
		if bd.Report != nil {
			status = bd.Report.Status.(*v1alpha1.BundleDeployment).Status
		}
		version, _ := strconv.Atoi(bd.Content.Options.DefaultNamespace)
		if ok(number, bd.Content.DeploymentID, status.AppliedDeploymentID, status.Ready, version) {
			n++
		}
	}
	return n
}
