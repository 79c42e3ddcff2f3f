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
	// Tick is how often it is looked for.
	Tick = 50 * time.Millisecond
)

// Rounds is how often all that can happen to the Bundle does: MUSTER_ROLLOUT_ROUNDS, or
// once.
func Rounds(t testing.TB) int {
	t.Helper()
	given := os.Getenv("MUSTER_ROLLOUT_ROUNDS")
	if given == "" {
		return 1
	}
	n, err := strconv.Atoi(given)
	require.NoError(t, err, "MUSTER_ROLLOUT_ROUNDS is how often all that can happen to the Bundle does")
	return n
}

// Play changes the Bundle while all else continues.
type Play struct {
	T      testing.TB
	Mood   *Mood
	Table  *Table
	People *People
	// Write makes a change to the Bundle, and makes it if it is not there; it returns
	// when that is acknowledged. A change that was made already changes nothing.
	Write func(change func(b *v1alpha1.Bundle))
	// Trouble is how long agents fail, and people edit, while a version is to arrive.
	Trouble time.Duration
	// Version is the newest.
	Version int
}

// Begin makes the first version, with limits, and waits for it.
func (p *Play) Begin() {
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy, b.Spec.Targets = Strategy(), Targets() })
	p.Arrive()
}

// Round lets everything happen once.
func (p *Play) Round(ctx context.Context) {
	// One that works.
	p.People.Start(ctx)
	p.next(func(*v1alpha1.Bundle) {})
	p.Arrive()

	// One that does not, and is replaced while it is stuck in the first ring.
	p.People.Start(ctx)
	p.Mood.Broken.Store(int64(p.Version + 1))
	p.next(func(*v1alpha1.Bundle) {})
	p.reaches(4)
	p.next(func(*v1alpha1.Bundle) {})
	p.Arrive()

	// Without limits all have it at once; with limits again, none before its time; and
	// none at all while it is paused, limits or not.
	p.People.Start(ctx)
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = nil })
	p.Arrive()
	p.People.Start(ctx)
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = Strategy() })
	p.reaches(1)
	p.next(func(b *v1alpha1.Bundle) { b.Spec.Paused = true })
	p.edited()
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = nil })
	p.edited()
	p.next(func(b *v1alpha1.Bundle) { b.Spec.RolloutStrategy = Strategy() })
	p.edited()
	p.Write(func(b *v1alpha1.Bundle) { b.Spec.Paused = false })
	p.Arrive()
}

// End lets the newest version come to all Clusters.
func (p *Play) End(ctx context.Context) {
	require.True(p.T, p.People.Free(ctx))
	p.Arrive()
}

// next writes the next version, with more that changes.
func (p *Play) next(change func(b *v1alpha1.Bundle)) {
	p.Version++
	p.Write(func(b *v1alpha1.Bundle) {
		change(b)
		SetVersion(b, p.Version)
	})
}

// Arrive waits until the newest version is on all Clusters that it may come to, and
// ready. After a while agents stop to fail, and people to edit, so that it can.
func (p *Play) Arrive() {
	started := time.Now()
	defer p.Mood.Well.Store(false)
	if p.People.editing {
		select {
		case <-time.After(p.Trouble):
		case <-p.T.Context().Done():
		}
	}
	p.People.Stop()
	reached := func(number int, _ Told) bool { return p.People.At(number).Reached() }
	require.Eventually(p.T, func() bool {
		if time.Since(started) > p.Trouble {
			p.Mood.Well.Store(true)
		}
		return p.Table.Count(func(number int, told Told) bool {
			return reached(number, told) && told.Version == p.Version && told.Done()
		}) == p.Table.Count(reached)
	}, Within, Tick, "version %d is on all Clusters that it may come to", p.Version)
	p.T.Logf("version %d is on all Clusters that it may come to, %s later", p.Version, time.Since(started).Round(10*time.Millisecond))
}

// reaches waits until the newest version has come to so many.
func (p *Play) reaches(n int) {
	require.Eventually(p.T, func() bool {
		return p.Table.Count(func(_ int, told Told) bool { return told.Version == p.Version }) >= n
	}, Within, Tick, "version %d comes to the first ring", p.Version)
}

// edited waits for some edits.
func (p *Play) edited() {
	from := p.People.Made.Load()
	require.Eventually(p.T, func() bool { return p.People.Made.Load() >= from+10 }, Within, Tick)
}
