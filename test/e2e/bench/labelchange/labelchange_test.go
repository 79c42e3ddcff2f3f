// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package labelchange

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
)

func TestWrongAnswersBreakTheScenarioAndSlowOnesDoNot(t *testing.T) {
	t.Parallel()
	on := edit{added: true, answered: 1e6, cluster: 2e6, deployment: 3e6, firstGetRight: true, writes: 1, etcd: 1e6, custom: 3e6}
	off := edit{answered: 1e6, cluster: 4e6, deployment: 4e6, firstGetRight: true, writes: 1, etcd: 1e6, custom: 3e6}
	size := Size{Fleet: fleets.Fleet{Name: "3001×3"}, Goal: "label-change", AtSize: true}

	good := results{edits: []edit{on, off}}
	require.NoError(t, good.verdict("x"), "slowness is for the reader to judge")
	var shown report.Scenario
	good.show(size, &shown)
	require.Equal(t, report.Number{Name: "3001×3: label: event against the Cluster's own event", Value: 1.5, Kind: report.Ratio, Goal: "label-change"}, shown.Numbers[0])

	wrong := off
	wrong.firstGetRight, wrong.writes = false, 4
	bad := results{edits: []edit{on, wrong}, strays: map[string]int{"MODIFIED bundles a/b": 2}, start: time.Second}
	require.ErrorContains(t, bad.verdict("x"), "1 first GETs were wrong")
	require.ErrorContains(t, bad.verdict("x"), "2 events")
	require.EqualValues(t, 4, bad.mostWrites())
}

func TestOnlyEventsOfTheDeployedBundleAreExpected(t *testing.T) {
	t.Parallel()
	m := &measurement{results: results{strays: map[string]int{}}}
	at := func(revision string) site.Event {
		return site.Event{Resource: site.Deployments, Type: "ADDED", Namespace: "a", Name: "b", Revision: revision}
	}
	m.stray(at("40"))
	m.stray(at("42"))
	m.stray(site.Event{Resource: site.Bundles, Type: "MODIFIED", Namespace: fleets.Namespace, Name: fleets.Waiting, Revision: "42"})
	require.Equal(t, map[string]int{"ADDED bundledeployments a/b": 2}, m.results.strays)
}
