// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// drill is one fault, and what an operator does about it.
type drill struct {
	// name says what fails, and todo what to do. Both are columns of the page.
	name, todo string
	// play causes the fault and repairs it. It calls repaired after a repair; without it,
	// all has to become well by itself.
	play func(t *testing.T, s *scene, p *playing)
	// free says that clients which retry must not see the drill, except for a write that
	// meets the orderly end of a connection (outcome.crossed).
	free bool
	// fires are the alerts that must fire, and may those that may: whether they do depends
	// on the time that this machine takes. No other alert may fire.
	fires, may []string
	// aggregator says that kube-apiserver is scraped too: see doc.go.
	aggregator bool
}

// playing is a drill that is being played.
type playing struct {
	fault, repair time.Time
	// waited is how long work other than requests waited.
	waited time.Duration
}

// begins notes the time of the fault.
func (p *playing) begins() { p.fault = time.Now() }

// repaired notes the time of the repair.
func (p *playing) repaired() { p.repair = time.Now() }

// speed are alerts about the speed of the machine that runs the drills.
var speed = []string{"MusterEtcdSlow", "MusterEditsSlow"}

// TestDrills plays all drills, one after the other in one cluster.
func TestDrills(t *testing.T) {
	pattern, err := regexp.Compile(*only)
	require.NoError(t, err)
	chosen := slices.DeleteFunc(drills(), func(d drill) bool { return !pattern.MatchString(d.name) })
	require.NotEmpty(t, chosen, "no drill has a name with %q", *only)
	control = cluster.Start(t)
	stage := newScene(t)
	var results []result
	for _, d := range chosen {
		t.Run(d.name, func(t *testing.T) { results = append(results, d.run(t, stage)) })
		if t.Failed() {
			return // the next drill needs a cluster in which all is well
		}
	}
	if *update {
		publish(t, results)
	}
}

func (d drill) run(t *testing.T, s *scene) result {
	t.Helper()
	s.monitor.begin(t, d.aggregator)
	s.load.waitProgress(t, 3)
	from := time.Now()
	p := &playing{fault: from}
	d.play(t, s, p)
	since := p.fault
	if !p.repair.IsZero() {
		since = p.repair
	}
	well := s.well(t, since)
	r := s.measure(t, from)
	r.Drill, r.Repaired, r.WellSeconds = d.name, !p.repair.IsZero(), max(well.Sub(since), p.waited).Seconds()
	fired, left := s.monitor.finish(t)
	t.Logf("raw: %s; client-go: %s; gap %.1f s, %d lists; well after %.1f s (repaired %v); fired: %v", r.Raw.text(), r.Retrying.text(), r.GapSeconds, r.Lists, r.WellSeconds, r.Repaired, slices.Sorted(maps.Keys(fired)))
	if d.free {
		assert.Equal(t, r.Retrying.Crossed, r.Retrying.Failed, "clients that retry saw the drill: %s", r.Retrying.text())
	}
	for _, name := range d.fires {
		assert.True(t, fired[name], "%s did not fire", name)
	}
	for _, name := range slices.Sorted(maps.Keys(fired)) {
		expected := slices.Concat(d.fires, d.may, speed)
		assert.Contains(t, expected, name, "an alert fired that is not about this drill")
	}
	for _, name := range speed {
		delete(left, name)
	}
	assert.Empty(t, left, "alerts fire, or are about to, after all is well")
	return r
}
