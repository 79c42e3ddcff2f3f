// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// Summary counts what a history contained.
type Summary struct {
	// Revision is the last revision.
	Revision int64
	// Edits counts revisions that wrote the Bundle or Clusters, Reports those that wrote
	// one or more reports.
	Edits, Reports int
	// Promotions counts those that replaced a version, Created those on Clusters that had
	// none. Unlimited counts changes that nothing held back.
	Promotions, Created, Unlimited int
	// NewPaused counts BundleDeployments that appeared on paused Clusters without limits
	// and show the newest version: the pause keeps agents from deploying it.
	NewPaused int
	// Full counts how often a limit was reached, Limited how often limits were added.
	Full, Limited int
	// Seen counts the compared observations of agents.
	Seen int
}

// String returns the summary in one line.
func (s Summary) String() string {
	return fmt.Sprintf("%d revisions, %d with edits, %d with reports; %d promotions, %d first ones, %d changes that nothing held back, %d new on paused Clusters; a limit was reached %d times; limits came %d times; %d observations of agents compared",
		s.Revision, s.Edits, s.Reports, s.Promotions, s.Created, s.Unlimited, s.NewPaused, s.Full, s.Limited, s.Seen)
}

// End holds the state after the last revision.
type End struct {
	Summary
	state *state
}

// Require fails the test unless all agents should deploy a version at the end, and the
// history contains what a play is about.
func (e *End) Require(t testing.TB, version int) {
	t.Helper()
	for number := range e.state.pairs {
		last := e.state.pairs[number].shown
		require.NotEmpty(t, last.id, scene.ClusterName(number))
		require.Equal(t, version, last.version, scene.ClusterName(number))
	}
	require.Positive(t, e.Full, "no limit was reached, so none was tested")
	require.Positive(t, e.Limited)
	require.Positive(t, e.Unlimited)
	require.Positive(t, e.Promotions)
}

// history is a walk in progress.
type history struct {
	Summary
	facts facts
	place place
	now   *state
	seen  []Seen
}

func newHistory(seen []Seen) *history {
	return &history{Summary: Summary{Seen: len(seen)}, place: newPlace(), now: &state{}, seen: seen}
}

// apply applies one revision, and returns an error if it breaks a promise.
func (h *history) apply(batch etcd.Batch) error {
	var err error
	if h.seen, err = compare(h.seen, batch.Revision, h.now); err != nil {
		return err
	}
	h.Revision = batch.Revision
	wrote := &touched{some: map[int]struct{}{}}
	base := h.facts.base
	for _, r := range batch.Records {
		if err := h.facts.take(r, &h.place, wrote); err != nil {
			return fmt.Errorf("revision %d: %s: %w", batch.Revision, r.Key.Path(), err)
		}
	}
	if h.facts.base != nil {
		base = h.facts.base
	}
	if wrote.edited {
		h.Edits++
	}
	if wrote.reported {
		h.Reports++
	}
	after, err := h.facts.state(h.now, wrote)
	if err != nil {
		return fmt.Errorf("revision %d: %w", batch.Revision, err)
	}
	c := change{before: h.now, after: after, wrote: wrote, base: base, facts: &h.facts}
	if err := c.check(&h.Summary); err != nil {
		return fmt.Errorf("revision %d: %w", batch.Revision, err)
	}
	h.now = after
	return nil
}

// Check walks over the whole log, from the first revision to the current one, and returns the
// state at the end. It fails with the first promise that the log or what agents saw breaks.
func Check(ctx context.Context, log *etcd.Log, diary *Diary) (*End, error) {
	end, err := log.Revision(ctx)
	if err != nil {
		return nil, err
	}
	h := newHistory(diary.inOrder())
	enough := errors.New("everything is read")
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go nudge(ctx, log)
	var broken error
	err = log.Watch(ctx, 0, func(batch etcd.Batch) {
		if broken == nil && len(batch.Records) > 0 {
			broken = h.apply(batch)
		}
		if broken != nil || batch.Revision >= end {
			stop(enough)
		}
	})
	switch {
	case broken != nil:
		return nil, broken
	case !errors.Is(err, enough):
		return nil, err
	}
	if _, err := compare(h.seen, math.MaxInt64, h.now); err != nil {
		return nil, err
	}
	return &End{h.Summary, h.now}, nil
}

// nudge makes a watch report its progress: the last revisions may concern keys that are not
// records.
func nudge(ctx context.Context, log *etcd.Log) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = log.RequestProgress(ctx) // the caller asks again soon
		case <-ctx.Done():
			return
		}
	}
}
