// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package plot

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what is drawn into testdata")

func TestTheDrawingIsTheGoldenOne(t *testing.T) {
	t.Parallel()
	f := Figure{Title: "Label edit", X: "BundleDeployments", Y: "milliseconds", Series: []Series{
		{Name: "answered <1>", Points: []Point{{1e3, 2.1}, {1e4, 2.2}, {1e5, 2.4}, {1e6, 2.3}}},
		{Name: "moved", Points: []Point{{1e3, 20}, {1e4, 190}, {1e5, 2100}, {1e6, 0}}},
		{Name: "one point", Points: []Point{{1e5, 60}}},
	}}
	drawn := f.SVG()
	golden := filepath.Join("testdata", "figure.svg")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(drawn), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), drawn)
}

func TestEveryDrawingIsXMLWithFiniteNumbers(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Figure{
		"nothing":           {Title: "a & b"},
		"only zero":         {Series: []Series{{Points: []Point{{0, 1}, {1, 0}}}}},
		"one point":         {Series: []Series{{Points: []Point{{5, 7}}}}},
		"all the same":      {Series: []Series{{Points: []Point{{10, 10}, {10, 10}}}}},
		"far apart":         {Series: []Series{{Points: []Point{{1e-9, 1e-9}, {1e9, 1e12}}}}},
		"many series":       {Series: make([]Series, 9)},
		"within one decade": {Series: []Series{{Points: []Point{{2, 3}, {4, 3.5}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			drawn := f.SVG()
			require.NotContains(t, drawn, "NaN")
			require.NotContains(t, drawn, "Inf")
			decoder := xml.NewDecoder(strings.NewReader(drawn))
			for {
				_, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
			}
		})
	}
}

func TestAxesHoldAllValuesAndEndAtRoundOnes(t *testing.T) {
	t.Parallel()
	for _, values := range [][]float64{{1}, {0.3, 7}, {1e3, 1e6}, {99, 101}} {
		a := over(values, 0, 100)
		for _, v := range values {
			require.Greater(t, a.at(v), 0.0)
			require.Less(t, a.at(v), 100.0)
		}
		require.NotEmpty(t, a.ticks())
	}
	a := over([]float64{1000, 1_000_000}, 0, 100)
	require.InDelta(t, 500, a.low, 1e-9)
	require.InDelta(t, 2_000_000, a.high, 1e-3)
}

func TestNumbersAreShort(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0: "0", 1: "1", 0.25: "0.25", 1000: "1k", 1_500_000: "1.5M", 2e9: "2G", 999: "999", 0.0001: "1e-04", 1.234567: "1.23"} {
		require.Equal(t, want, Short(v))
	}
}
