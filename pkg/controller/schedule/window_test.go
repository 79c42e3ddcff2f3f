// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/test/replay"
)

func specOf(cron, duration, location string) *v1alpha1.ScheduleSpec {
	d := v1alpha1.Duration(duration)
	return &v1alpha1.ScheduleSpec{
		Schedule: cron, Duration: &d, Location: location,
		Targets: v1alpha1.ScheduleTargets{Clusters: []v1alpha1.ScheduleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}},
	}
}

func compiled(t *testing.T, spec *v1alpha1.ScheduleSpec) *plan {
	t.Helper()
	p, err := compile(spec, time.UTC)
	require.NoError(t, err)
	return p
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	out, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return out
}

var some = []targeting.Cluster{{Name: "c1", Namespace: "fleet"}, {Name: "c2", Namespace: "fleet"}}

// TestAWindowIsOpenExactlyWhenItShouldBe compares with a brute-force oracle: however seldom the
// controller looks, a window is open at a time if and only if it began after the Schedule was
// created and is not over.
func TestAWindowIsOpenExactlyWhenItShouldBe(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 300 {
		every, length := 2+r.IntN(60), time.Duration(0)
		begun := at(t, "2026-03-01T00:00:00Z").Add(time.Duration(r.IntN(86400)) * time.Second)
		cron := map[int]string{0: "*/20 * * * * *", 1: "0 */5 * * * *", 2: "30 7,19 * * * *"}[every%3]
		gap := map[int]time.Duration{0: 20 * time.Second, 1: 5 * time.Minute, 2: 12 * time.Minute}[every%3]
		length = time.Duration(1+r.IntN(int(gap/time.Second)-1)) * time.Second
		p := compiled(t, specOf(cron, length.String(), ""))
		var firings []time.Time
		for f, ok := p.next(begun); ok && f.Before(begun.Add(3*time.Hour)); f, ok = p.next(f) {
			firings = append(firings, f)
		}
		open := func(now time.Time) bool {
			for _, f := range firings {
				if !now.Before(f) && now.Before(f.Add(length)) {
					return true
				}
			}
			return false
		}
		status := v1alpha1.ScheduleStatus{}
		for now := begun; now.Before(begun.Add(time.Hour)); now = now.Add(time.Duration(1+r.IntN(int(gap))) + time.Second) {
			next, err := p.turn(status, some, false, now)
			require.NoError(t, err)
			require.Equal(t, open(now), next.status.Active, "%s for %s, from %s, at %s", cron, length, begun, now)
			require.True(t, next.again.After(now))
			// Nothing changes before the time at which the turn is due again.
			require.Equal(t, open(now), open(next.again.Add(-time.Nanosecond)))
			status = next.status
		}
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	const nightly = "0 0 22 * * *"
	inWindow := v1alpha1.ScheduleStatus{Active: true, NextStartTime: metav1.NewTime(at(t, "2026-03-01T22:00:00Z")), MatchingClusters: []string{"c1", "c2"}}
	before := v1alpha1.ScheduleStatus{NextStartTime: inWindow.NextStartTime, MatchingClusters: inWindow.MatchingClusters}
	for name, c := range map[string]struct {
		was    v1alpha1.ScheduleStatus
		anew   bool
		only   int // the number of Clusters that exist, from the first
		now    string
		active bool
		next   string
		again  string
	}{
		"a new Schedule starts closed, also inside a window": {now: "2026-03-01T22:30:00Z", only: 2, next: "2026-03-02T22:00:00Z", again: "2026-03-02T22:00:00Z"},
		"it waits for the window":                            {was: before, now: "2026-03-01T21:59:59Z", only: 2, next: "2026-03-01T22:00:00Z", again: "2026-03-01T22:00:00Z"},
		"it opens":                                           {was: before, now: "2026-03-01T22:00:00Z", only: 2, active: true, next: "2026-03-01T22:00:00Z", again: "2026-03-01T23:00:00Z"},
		"it opens late, after a late look":                   {was: before, now: "2026-03-01T22:59:59Z", only: 2, active: true, next: "2026-03-01T22:00:00Z", again: "2026-03-01T23:00:00Z"},
		"it stays open":                                      {was: inWindow, now: "2026-03-01T22:30:00Z", only: 2, active: true, next: "2026-03-01T22:00:00Z", again: "2026-03-01T23:00:00Z"},
		"it closes":                                          {was: inWindow, now: "2026-03-01T23:00:00Z", only: 2, next: "2026-03-02T22:00:00Z", again: "2026-03-02T22:00:00Z"},
		"a window between two looks is over":                 {was: before, now: "2026-03-05T12:00:00Z", only: 2, next: "2026-03-05T22:00:00Z", again: "2026-03-05T22:00:00Z"},
		"after days, the window of today is open":            {was: before, now: "2026-03-05T22:01:00Z", only: 2, active: true, next: "2026-03-05T22:00:00Z", again: "2026-03-05T23:00:00Z"},
		"another spec closes it":                             {was: inWindow, anew: true, now: "2026-03-01T22:30:00Z", only: 2, next: "2026-03-02T22:00:00Z", again: "2026-03-02T22:00:00Z"},
		"other Clusters close it":                            {was: inWindow, only: 1, now: "2026-03-01T22:30:00Z", next: "2026-03-02T22:00:00Z", again: "2026-03-02T22:00:00Z"},
		"a start far ahead, of an earlier spec, is not waited for": {
			was: v1alpha1.ScheduleStatus{NextStartTime: metav1.NewTime(at(t, "2030-01-01T00:00:00Z")), MatchingClusters: []string{"c1", "c2"}},
			now: "2026-03-01T12:00:00Z", only: 2, next: "2026-03-01T22:00:00Z", again: "2026-03-01T22:00:00Z",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := compiled(t, specOf(nightly, "1h", "")).turn(c.was, some[:c.only], c.anew, at(t, c.now))
			require.NoError(t, err)
			require.Equal(t, c.active, got.status.Active)
			require.Equal(t, c.next, got.status.NextStartTime.UTC().Format(time.RFC3339))
			require.Equal(t, c.again, got.again.UTC().Format(time.RFC3339))
			require.Len(t, got.status.MatchingClusters, c.only)
		})
	}
}

func TestAScheduleInAPlaceKeepsItsHourWhenTheClocksChange(t *testing.T) {
	t.Parallel()
	p := compiled(t, specOf("0 0 22 * * *", "1h", "Europe/Berlin"))
	for now, want := range map[string]string{
		"2026-03-28T12:00:00Z": "2026-03-28T21:00:00Z",
		"2026-03-29T12:00:00Z": "2026-03-29T20:00:00Z", // summer begins
	} {
		next, ok := p.next(at(t, now))
		require.True(t, ok)
		require.Equal(t, want, next.Format(time.RFC3339))
	}
}

func TestAnInvalidScheduleIsExplained(t *testing.T) {
	t.Parallel()
	malformed := specOf("0 0 22 * * *", "1h", "")
	malformed.Targets.Clusters[0].ClusterSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}
	endless := specOf("0 0 22 * * *", "", "")
	endless.Duration = nil
	for name, c := range map[string]struct {
		spec *v1alpha1.ScheduleSpec
		says string
	}{
		"five fields":                       {specOf("0 22 * * *", "1h", ""), "spec.schedule"},
		"no expression":                     {specOf("", "1h", ""), "spec.schedule"},
		"no such place":                     {specOf("0 0 22 * * *", "1h", "Europe/Entenhausen"), "spec.location"},
		"no duration":                       {endless, "spec.duration is not set"},
		"a duration that is none":           {specOf("0 0 22 * * *", "soon", ""), "spec.duration"},
		"a window as long as the gap":       {specOf("0 0 * * * *", "1h", ""), "duration is too long and overlaps with the next execution time"},
		"a window a second longer":          {specOf("0 0 * * * *", "1h0m1s", ""), "duration is too long"},
		"a selector that is none":           {malformed, "spec.targets.clusters[0]"},
		"a year that is over":               {specOf("0 0 0 1 1 ? 2020", "1h", ""), "spec.schedule has no further time"},
		"fine":                              {specOf("0 0 * * * *", "59m59s", ""), ""},
		"fine, by whole seconds":            {specOf("*/10 * * * * *", "9999ms", ""), ""},
		"the gap after the next one counts": {specOf("0 0,50 * * * *", "15m", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := compile(c.spec, time.UTC)
			if err == nil {
				_, err = p.turn(v1alpha1.ScheduleStatus{}, some, false, at(t, "2026-03-01T12:10:00Z").Add(45*time.Minute))
			}
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
		})
	}
}
