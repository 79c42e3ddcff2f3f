// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package inprocess

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterfleet/muster/test/e2e/rollout/scene"
	"github.com/musterfleet/muster/test/replay"
)

func TestARolloutKeepsItsLimitsDespiteFailures(t *testing.T) {
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
	disturbing.Go(func() { w.disturb(disturb, chaos, &play.Well) })
	script := &scene.Play{
		T: t, Mood: &play.Mood, Table: &play.Table, People: scene.NewPeople(rand.New(rand.NewPCG(seed, 2)), w.edit), Write: w.write, Trouble: 3 * time.Second,
	}
	script.Begin()
	script.Run(ctx)
	calm()
	disturbing.Wait()
	end()
	all.Wait()
	got := w.read(t, &play.Diary)
	t.Logf("%d reports, %d edits acknowledged; %s", play.reported.Load(), script.People.Made.Load(), got)
	got.Require(t, script.Version)
}

// disturb stops servers and controllers at random, and starts others; sometimes two
// controllers run at once. While well is set it stops none, so that a busy machine reaches
// the end.
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
