// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"bytes"
	"runtime/pprof"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
)

func TestTheRowsOfAHeapSumUpToTheMemoryInUse(t *testing.T) {
	t.Parallel()
	var profile bytes.Buffer
	require.NoError(t, pprof.Lookup("heap").WriteTo(&profile, 0))
	of := func(name string, heap int64) *weighing {
		return &weighing{name: name, memory: site.Memory{Profile: profile.Bytes(), Heap: heap, Stacks: 3 << 20, Used: heap + 3<<20}}
	}
	var out report.Scenario
	require.NoError(t, showHeap("x", []*weighing{of("a", 50<<20), of("b", 70<<20)}, 1000, &out))
	table := out.Tables[0]
	require.Equal(t, []string{"", "a, MiB", "bytes a BundleDeployment", "b, MiB", "more"}, table.Columns)
	for column, want := range map[int]float64{1: 53, 3: 73, 4: 20} {
		sum := 0.0
		for i, row := range table.Rows {
			require.Len(t, row, len(table.Columns))
			v, err := strconv.ParseFloat(row[column], 64)
			require.NoError(t, err)
			if i < len(table.Rows)-1 {
				sum += v
				continue
			}
			require.InDelta(t, want, v, 0.1, "in use is last")
		}
		require.InDelta(t, want, sum, 2, "within what is rounded")
	}
}
