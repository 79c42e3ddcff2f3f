// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Engine reads Schedules and Clusters.
type Engine interface {
	follow.Source
	Barrier(ctx context.Context) (*view.View, error)
	ClustersIn(namespace string) ([]targeting.Cluster, error)
}

// Options of a Schedules.
type Options struct {
	// Engine is a running engine.
	Engine Engine
	// Client writes statuses.
	Client versioned.Interface
	// Clock is the time; nil means the machine's.
	Clock clock.Clock
	// Local is the time zone of Schedules that name none; nil means the machine's.
	Local *time.Location
}

// Schedules is the controller.
type Schedules struct {
	Options
	// followed holds the generation to which each status belongs. The statuses of other
	// Schedules come from an earlier leader.
	followed map[types.UID]int64
}

// resource is the name of Schedules.
const resource = "schedules"

const (
	// retry is the first delay after a pass that failed. The delay doubles with each further
	// failure, up to longest.
	retry = 5 * time.Second
	// share times the duration of a pass is the least time before the next one, up to
	// longestPause.
	share        = 9
	longestPause = 5 * time.Second
	// longest is the longest time between two passes: the machine's clock may have been set.
	longest = time.Minute
)

// New returns a Schedules. It does nothing until it runs.
func New(options Options) *Schedules {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	if options.Local == nil {
		options.Local = time.Local
	}
	return &Schedules{Options: options}
}

// Run follows all Schedules until the context ends, and returns its error.
func (s *Schedules) Run(ctx context.Context) error {
	s.followed = map[types.UID]int64{}
	due, wake, delay := true, time.Time{}, time.Duration(0)
	loop := &follow.Loop{
		Source: s.Engine, Clock: s.Clock, Resources: concerned,
		Whole:   func(*view.View) { due = true },
		Changed: func(_ *view.View, revisions []*view.Revision) { due = due || concerns(revisions) },
		Then: func(ctx context.Context, _ *view.View) time.Time {
			if !due && s.Clock.Now().Before(wake) {
				return wake
			}
			var err error
			begun := time.Now()
			due = false
			wake, err = s.pass(ctx)
			delay = delayAfter(err, delay)
			if err != nil && ctx.Err() == nil {
				klog.ErrorS(err, "Some Schedules cannot be followed", "retryAfter", delay)
				wake = earlier(wake, s.Clock.Now().Add(delay)) // windows of other Schedules still open on time
			}
			select {
			case <-time.After(min(share*time.Since(begun), longestPause)):
			case <-ctx.Done():
			}
			return wake
		},
	}
	return loop.Run(ctx)
}

// earlier treats a zero a as no time.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// delayAfter returns the delay after a pass, from the last delay; 0 if the pass did not fail.
func delayAfter(err error, last time.Duration) time.Duration {
	if err == nil {
		return 0
	}
	return min(max(2*last, retry), longest)
}

// concerned lists the resources on which a pass depends.
var concerned = []string{resource, record.Clusters, record.ClusterGroups}

// concerns reports whether some revisions changed something on which a pass depends. Agents'
// reports, which come all the time, do not.
func concerns(revisions []*view.Revision) bool {
	for of, change := range follow.Changes(revisions, concerned...) {
		if of == resource || !sameToSchedules(change) {
			return true
		}
	}
	return false
}

func sameToSchedules(change *view.Change) bool {
	prev, next, ok := follow.Both(change)
	return ok && prev.RecordRevision == next.RecordRevision && flagsOf(prev) == flagsOf(next)
}

// pass makes all statuses as they should be now, and returns when the next pass is due.
func (s *Schedules) pass(ctx context.Context) (time.Time, error) {
	// This pass depends on what the last one wrote.
	v, err := s.Engine.Barrier(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the current state: %w", err)
	}
	now := s.Clock.Now()
	wake := now.Add(longest)
	want := map[record.Name]flags{}
	alive := map[types.UID]int64{}
	var failures failures
	for item := range v.All(resource, record.Name{}) {
		again, err := s.one(ctx, item, now, want, alive)
		failures.add(err)
		if !again.IsZero() && again.Before(wake) {
			wake = again
		}
	}
	s.followed = alive
	failures.add(s.writeFlags(ctx, v, want))
	return wake, failures.err()
}

// failures collects the errors of a pass, and keeps the first ones.
type failures struct {
	first []error
	more  int
}

const mostFailures = 5

func (f *failures) add(err error) {
	switch {
	case err == nil:
	case len(f.first) < mostFailures:
		f.first = append(f.first, err)
	default:
		f.more++
	}
}

func (f *failures) err() error {
	if f.more > 0 {
		return errors.Join(append(f.first, fmt.Errorf("%d more failures", f.more))...)
	}
	return errors.Join(f.first...)
}
