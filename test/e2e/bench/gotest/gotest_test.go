// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package gotest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyBenchmarkLinesAreRead(t *testing.T) {
	t.Parallel()
	r, ok := parse("BenchmarkAffected/regime=one-hot-label/n=100/impl=index-2  \t  100\t        12.50 ns/op\t       3 visited/op\t 0 B/op")
	require.True(t, ok)
	require.Equal(t, "Affected/regime=one-hot-label/n=100/impl=index", r.Name)
	require.Equal(t, map[string]float64{"ns/op": 12.5, "visited/op": 3, "B/op": 0}, r.Values)
	require.Equal(t, "one-hot-label", r.part("regime"))
	require.Equal(t, "100", r.part("n"))
	require.Empty(t, r.part("none"))
	for _, line := range []string{"", "ok  \tpkg\t1.0s", "BenchmarkX", "Benchmark says something of its own", "goos: linux", "--- BENCH: BenchmarkX-2"} {
		_, ok := parse(line)
		require.False(t, ok, line)
	}
}
