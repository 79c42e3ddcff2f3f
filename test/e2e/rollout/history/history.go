// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// Summary counts what there was in a history.
type Summary struct {
	// Revision is the last one.
	Revision int64
	// Edits are revisions that wrote the Bundle or Clusters, and Reports those that
	// wrote reports, one or many.
	Edits, Reports int
	// Promotions replaced something, Created were of Clusters that had nothing.
	// Unlimited are changes that nothing held back.
	Promotions, Created, Unlimited int
	// NewPaused are BundleDeployments that came to be on paused Clusters without
	// limits and show the newest version: the pause keeps agents from it.
	NewPaused int
	// Full is how often a limit was reached, and Limited how often limits came.
	Full, Limited int
	// Seen is how much agents saw that was compared.
	Seen int
}

// String is a line for people.
func (s Summary) String() string {
	return fmt.Sprintf("%d revisions, %d with edits, %d with reports; %d promotions, %d first ones, %d changes that nothing held back, %d new on paused Clusters; a limit was reached %d times; limits came %d times; %d sights of agents compared",
		s.Revision, s.Edits, s.Reports, s.Promotions, s.Created, s.Unlimited, s.NewPaused, s.Full, s.Limited, s.Seen)
}

// End holds what there is after the last revision.
type End struct {
	Summary
	state *state
}

// Version is the version that the agent of a Cluster is told to deploy in the end;
// false if nothing.
func (e *End) Version(number int) (int, bool) {
	t := e.state.pairs[number].told
	return t.version, t.id != ""
}

// history is a walk under way.
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

// apply takes one revision, and tells what it breaks.
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

// Check walks over the whole log, from the first revision to the present one, and
// returns what there is then. It fails with the first promise that is broken, by the
// log itself or by what agents saw.
func Check(ctx context.Context, log *etcd.Log, diary *Diary) (*End, error) {
	end, err := log.Revision(ctx)
	if err != nil {
		return nil, err
	}
	h := newHistory(diary.inOrder())
	enough := errors.New("all is read")
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

// nudge makes a watch say how far it is: the last revisions may be of something else
// than records.
func nudge(ctx context.Context, log *etcd.Log) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = log.RequestProgress(ctx) // asked again soon
		case <-ctx.Done():
			return
		}
	}
}
