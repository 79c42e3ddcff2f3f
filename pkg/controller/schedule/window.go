// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"errors"
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // images hold no time zones

	"github.com/reugn/go-quartz/quartz"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// plan is the compiled spec of a Schedule.
type plan struct {
	trigger  *quartz.CronTrigger
	duration time.Duration
	entries  []targeting.Entry
}

// compile compiles a spec. local is the time zone of a Schedule that names none.
func compile(spec *v1alpha1.ScheduleSpec, local *time.Location) (*plan, error) {
	location := local
	if spec.Location != "" {
		var err error
		if location, err = time.LoadLocation(spec.Location); err != nil {
			return nil, fmt.Errorf("spec.location: %w: give an IANA name such as Europe/Berlin", err)
		}
	}
	out := &plan{}
	var err error
	if out.trigger, err = quartz.NewCronTriggerWithLoc(spec.Schedule, location); err != nil {
		return nil, fmt.Errorf("spec.schedule %q: %w: give six fields, seconds first, such as 0 0 22 * * SAT", spec.Schedule, err)
	}
	if spec.Duration == nil {
		return nil, errors.New("spec.duration is not set: give the time for which a window stays open, such as 2h")
	}
	if out.duration, err = spec.Duration.Duration(); err != nil {
		return nil, fmt.Errorf("spec.duration: %w", err)
	}
	for i := range spec.Targets.Clusters {
		in := &spec.Targets.Clusters[i]
		e, err := targeting.CompileEntry(fmt.Sprintf("spec.targets.clusters[%d]", i), in.ClusterCriteria)
		if err != nil {
			return nil, err
		}
		out.entries = append(out.entries, e)
	}
	return out, nil
}

// next returns the first opening after a time; false if there is none.
func (p *plan) next(after time.Time) (time.Time, bool) {
	nanos, err := p.trigger.NextFireTime(after.UnixNano())
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(0, nanos).UTC(), true
}

// check returns an error unless each window ends before the next one begins (S 5.4).
func (p *plan) check(now time.Time) error {
	one, ok := p.next(now)
	if !ok {
		return errors.New("spec.schedule has no further time: change it, or delete the Schedule")
	}
	two, ok := p.next(one)
	if ok && p.duration.Truncate(time.Second) >= two.Sub(one).Truncate(time.Second) {
		return errors.New("duration is too long and overlaps with the next execution time")
	}
	return nil
}

// matching returns the names of the Clusters that an entry matches, in order.
func (p *plan) matching(clusters []targeting.Cluster) []string {
	var out []string
	for _, c := range clusters {
		if slices.ContainsFunc(p.entries, func(e targeting.Entry) bool { return e.Matches(c) }) {
			out = append(out, c.Name)
		}
	}
	return out
}

// turn is the status of a Schedule at a time, and the time at which it changes next; zero is
// never.
type turn struct {
	status v1alpha1.ScheduleStatus
	again  time.Time
}

// turn computes the status at a time from the last status. anew says that the spec has changed
// since that.
//
//	status.nextStartTime   when the next window begins, or when the open one began
//	status.active          whether a window is open
func (p *plan) turn(was v1alpha1.ScheduleStatus, clusters []targeting.Cluster, anew bool, now time.Time) (turn, error) {
	if err := p.check(now); err != nil {
		return turn{}, err
	}
	matching := p.matching(clusters)
	start, _ := p.next(now)
	out := turn{v1alpha1.ScheduleStatus{NextStartTime: metav1.NewTime(start), MatchingClusters: matching}, start}
	if anew || was.NextStartTime.IsZero() || !slices.Equal(was.MatchingClusters, matching) {
		return out, nil
	}
	if now.Before(was.NextStartTime.Time) {
		// A clock that was set back must not make the Schedule wait for longer.
		if was.NextStartTime.After(start) {
			return out, nil
		}
		out.status.NextStartTime, out.again = was.NextStartTime, was.NextStartTime.Time
		return out, nil
	}
	// Windows have begun since then. Only the last one can still be open.
	from := was.NextStartTime.Add(-time.Nanosecond)
	if ended := now.Add(-p.duration); ended.After(from) {
		from = ended
	}
	if begun, ok := p.next(from); ok && !begun.After(now) {
		out.status.Active, out.status.NextStartTime = true, metav1.NewTime(begun)
		out.again = begun.Add(p.duration)
	}
	return out, nil
}

// wrong returns the status of an invalid Schedule: it keeps its Clusters, closed.
func wrong(was v1alpha1.ScheduleStatus) v1alpha1.ScheduleStatus {
	return v1alpha1.ScheduleStatus{MatchingClusters: was.MatchingClusters}
}

// withReady returns conditions with a Ready condition that shows err, or that the Schedule is
// valid if err is nil. A condition that already does remains as it is.
func withReady(conditions []v1alpha1.GenericCondition, err error, now time.Time) []v1alpha1.GenericCondition {
	ready := v1alpha1.GenericCondition{Type: "Ready", Status: "True"}
	if err != nil {
		ready.Status, ready.Reason, ready.Message = "False", "Error", err.Error()
	}
	out := slices.Clone(conditions)
	at := slices.IndexFunc(out, func(c v1alpha1.GenericCondition) bool { return c.Type == ready.Type })
	if at < 0 {
		ready.LastUpdateTime = now.UTC().Format(time.RFC3339)
		return append(out, ready)
	}
	if have := out[at]; have.Status != ready.Status || have.Reason != ready.Reason || have.Message != ready.Message {
		ready.LastUpdateTime = now.UTC().Format(time.RFC3339)
		out[at] = ready
	}
	return out
}
