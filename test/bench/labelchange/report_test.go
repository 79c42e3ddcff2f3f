// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentileIsAlwaysOneOfTheMeasuredValues(t *testing.T) {
	t.Parallel()
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	cases := []struct {
		name    string
		values  []time.Duration
		percent int
		want    time.Duration
	}{
		{"the median of a hundred is the fiftieth", hundred, 50, 50},
		{"p99 of a hundred is the last but one", hundred, 99, 99},
		{"the median of two is the smaller", []time.Duration{9, 3}, 50, 3},
		{"p99 of few is the largest", []time.Duration{9, 3, 5}, 99, 9},
		{"a single value is every percentile", []time.Duration{7}, 1, 7},
		{"of nothing it is zero", nil, 50, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, percentile(c.values, c.percent))
		})
	}
	require.Equal(t, time.Duration(100), hundred[0], "percentile must not sort its argument")
}

func TestReportShowsRatiosAndFailsOnWrongAnswersOnly(t *testing.T) {
	t.Parallel()
	slow := edit{added: true, answered: 1e6, cluster: 2e6, deployment: 3e6, firstGetTrue: true, writes: 1}
	off := edit{answered: 1e6, cluster: 4e6, deployment: 4e6, firstGetTrue: true, writes: 1}
	print := func(r report) string {
		var text strings.Builder
		r.print(&text)
		return text.String()
	}

	good := report{results: results{edits: []edit{slow, off}}}
	require.NoError(t, good.verdict(), "slowness is for the reader to judge")
	require.Contains(t, print(good), "| label | **ratio of the two medians** | **1.50** |")
	require.Contains(t, print(good), "| unlabel | **ratio of the two medians** | **1.00** |")
	require.Contains(t, print(good), "| etcd writes for an edit | 1 | 1 |")

	wrong := off
	wrong.firstGetTrue, wrong.writes = false, 4
	bad := report{results: results{edits: []edit{slow, wrong}, strays: strays{"MODIFIED bundles a/b": 2}}}
	require.ErrorContains(t, bad.verdict(), "1 first GETs were wrong")
	require.ErrorContains(t, bad.verdict(), "2 events")
	require.Contains(t, print(bad), "| first GET after unlabelling answers 404 | 0 of 1 | all |")
	require.Contains(t, print(bad), "| etcd writes for an edit | 1 to 4 | 1 |")
	require.Contains(t, print(bad), "stray: 2 x MODIFIED bundles a/b")
}

func TestOnlyEventsOfTheRevisionThatAWatchWasOpenedAtAreRepeats(t *testing.T) {
	t.Parallel()
	m := &measurement{opened: "41", results: results{strays: strays{}}}
	m.stray(event{resource: deployments, kind: "ADDED", key: "a/b", revision: "41"})
	m.stray(event{resource: deployments, kind: "ADDED", key: "a/b", revision: "40"})
	m.stray(event{resource: deployments, kind: "ADDED", key: "a/b", revision: "42"})
	m.stray(event{resource: bundles, kind: "MODIFIED", key: namespace + "/" + waitingName, revision: "42"})
	require.Equal(t, 1, m.results.repeats)
	require.Equal(t, strays{"ADDED bundledeployments a/b": 2}, m.results.strays)
}
