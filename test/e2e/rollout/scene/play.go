// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

const (
	// Within bounds every wait for something that must happen.
	Within = 3 * time.Minute
	// Tick is the time between two checks.
	Tick = 50 * time.Millisecond
)

// Play changes the Bundle while everything else continues.
type Play struct {
	T      testing.TB
	Mood   *Mood
	Table  *Table
	People *People
	// Write changes the Bundle, and creates it if it does not exist. It returns when the
	// change is acknowledged. A repeated change has no effect.
	Write func(change func(b *v1alpha1.Bundle))
	// Trouble is how long agents fail, and operators edit, while a version should arrive.
	Trouble time.Duration
	// Version is the newest version.
	Version int
}

// Begin creates the first version, with limits, and waits for it.
func (p *Play) Begin() {
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy, b.Spec.Targets = Strategy(), Targets() })
	p.arrive()
}

// Run runs the whole sequence of events MUSTER_ROLLOUT_ROUNDS times, or once. Then it lets the
// newest version reach all Clusters.
func (p *Play) Run(ctx context.Context) {
	rounds := 1
	if given := os.Getenv("MUSTER_ROLLOUT_ROUNDS"); given != "" {
		var err error
		rounds, err = strconv.Atoi(given)
		require.NoError(p.T, err, "MUSTER_ROLLOUT_ROUNDS is a number of rounds")
	}
	for range rounds {
		p.round(ctx)
	}
	require.True(p.T, p.People.free(ctx))
	p.arrive()
}

func (p *Play) round(ctx context.Context) {
	// A version that works.
	p.People.start(ctx)
	p.next(func(*v1alpha1.Bundle) {})
	p.arrive()

	// A version that fails, and is replaced while it is stuck in the first ring.
	p.People.start(ctx)
	p.Mood.Broken.Store(int64(p.Version + 1))
	p.next(func(*v1alpha1.Bundle) {})
	p.reaches(4)
	p.next(func(*v1alpha1.Bundle) {})
	p.arrive()

	// Without limits all Clusters have the new version at once. With limits again, none has
	// it before its time, and none at all while the Bundle is paused, with or without
	// limits.
	p.People.start(ctx)
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = nil })
	p.arrive()
	p.People.start(ctx)
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = Strategy() })
	p.reaches(1)
	p.next(func(b *v1alpha1.Bundle) { b.Spec.Paused = true })
	p.edited()
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = nil })
	p.edited()
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = Strategy() })
	p.edited()
	p.Write(func(b *v1alpha1.Bundle) { b.Spec.Paused = false })
	p.arrive()
}

// next writes the next version, with another change.
func (p *Play) next(change func(b *v1alpha1.Bundle)) {
	p.Version++
	p.Write(func(b *v1alpha1.Bundle) {
		change(b)
		SetVersion(b, p.Version)
	})
}

// arrive waits until the newest version is on all Clusters that it may reach, and ready.
// After a while agents stop failing, and operators stop editing, so that this becomes
// possible.
func (p *Play) arrive() {
	started := time.Now()
	defer p.Mood.Well.Store(false)
	if p.People.editing {
		select {
		case <-time.After(p.Trouble):
		case <-p.T.Context().Done():
		}
	}
	p.People.stop()
	reached := func(number int, _ Look) bool { return p.People.at(number).reached() }
	require.Eventually(p.T, func() bool {
		if time.Since(started) > p.Trouble {
			p.Mood.Well.Store(true)
		}
		return p.Table.Count(func(number int, seen Look) bool {
			return reached(number, seen) && seen.Version == p.Version && seen.Done()
		}) == p.Table.Count(reached)
	}, Within, Tick, "version %d is on all Clusters that it may reach", p.Version)
	p.T.Logf("version %d is on all Clusters that it may reach, %s later", p.Version, time.Since(started).Round(10*time.Millisecond))
}

// reaches waits until the newest version has reached so many Clusters.
func (p *Play) reaches(n int) {
	require.Eventually(p.T, func() bool {
		return p.Table.Count(func(_ int, seen Look) bool { return seen.Version == p.Version }) >= n
	}, Within, Tick, "version %d reaches the first ring", p.Version)
}

func (p *Play) edited() {
	from := p.People.Made.Load()
	require.Eventually(p.T, func() bool { return p.People.Made.Load() >= from+10 }, Within, Tick)
}
