// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/bench/report"
)

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"an unknown scenario":    {"--scenarios", "scale,nonsense"},
		"no agents":              {"--agents", "0"},
		"fewer than no agents":   {"--agents", "-1"},
		"few BundleDeployments":  {"--deployments", "10"},
		"something behind flags": {"scale"},
	} {
		_, _, err := parse(args)
		require.Error(t, err, name)
	}
	o, chosen, err := parse([]string{"--scenarios", "index, scale", "--full"})
	require.NoError(t, err)
	require.Len(t, chosen, 2)
	require.Equal(t, 1_000_000, o.deployments)
	require.Equal(t, 3, o.size(0, 2, 3))
	require.Equal(t, 1, o.size(1, 2, 3), "a given size counts")
	o, _, err = parse([]string{"--full", "--deployments", "2000"})
	require.NoError(t, err)
	require.Equal(t, 2000, o.deployments, "a given size counts")
	o, _, err = parse(nil)
	require.NoError(t, err)
	require.Equal(t, 2, o.size(o.agents, 2, 3))
}

func TestFleetsHaveAboutTheirSizeAndTheMillionExactly(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		for _, perBundle := range []int{1, 10, 100, 10_000} {
			require.InEpsilon(t, n, shaped(n, perBundle).Deployments, 0.01)
		}
	}
	million := square(1_000_000)
	require.Equal(t, 10_000, million.Clusters)
	require.Equal(t, 1_000_000, million.Deployments)
}

func TestTheNewestReportIsCommittedUnlessItIsBroken(t *testing.T) {
	t.Parallel()
	o := &options{out: t.TempDir(), committed: filepath.Join(t.TempDir(), "committed"), readme: filepath.Join(t.TempDir(), "README.md")}
	require.NoError(t, os.WriteFile(o.readme, []byte("# Muster\n"), 0o644))
	require.ErrorContains(t, update(o), "run make bench first")
	save := func(name, failed string) {
		r := &report.Report{Commit: name, Started: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Scenarios: []report.Scenario{{Name: "list", Failed: failed}}}
		_, err := r.Save(filepath.Join(o.out, "bench-"+name), nil)
		require.NoError(t, err)
	}
	save("1", "")
	save("2", "")
	require.NoError(t, update(o))
	got, err := report.Load(o.committed)
	require.NoError(t, err)
	require.Equal(t, "2", got.Commit)
	save("3", "it broke")
	require.ErrorContains(t, update(o), "it broke")
}
