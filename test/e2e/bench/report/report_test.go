// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"flag"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/bench/plot"
)

var update = flag.Bool("update", false, "write what is printed into testdata")

func run() *Report {
	return &Report{
		Machine: Machine{Processor: "Some CPU", Processors: 2, MemoryMiB: 24000, System: "linux/amd64", Go: "go1.26", LoadBefore: "0.10", LoadAfter: "2.00"},
		Commit:  "abc1234", Command: "make bench", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 61,
		Scenarios: []Scenario{
			{
				Name: "label-change", Title: "one label", Seconds: 41,
				Text:   []string{"What was done."},
				Tables: []Table{{Title: "Times:", Columns: []string{"until", "median | ms"}, Rows: [][]string{{"answered", "1.0"}, {"event", "1.1"}}}},
				Figures: []plot.Figure{{Name: "label", Title: "A figure", X: "pairs", Y: "ms", Series: []plot.Series{
					{Name: "label edit", Points: []plot.Point{{X: 1000, Y: 2.5}, {X: 10_000, Y: 2.6}, {X: 1e6, Y: 2.4}}},
					{Name: "Bundle edit", Points: []plot.Point{{X: 1000, Y: 30}, {X: 10_000, Y: 300}, {X: 1e6, Y: 30_000}}},
				}}},
				Numbers: []Number{
					{Name: "ratio", Value: 1.1, Kind: Ratio, Goal: "label-change"},
					{Name: "ratio at 9,000", Value: 1.3, Kind: Ratio, Goal: "label-change-million", At: "9,000 BundleDeployments"},
					{Name: "writes", Value: 2, Kind: Count, Goal: "writes"},
					{Name: "median", Value: 1.25, Unit: "ms", Kind: Absolute},
					{Name: "rate", Value: 1000, Unit: "/s", Kind: Absolute, MoreIsBetter: true},
				},
				NotMeasured: []string{"renders are not counted"},
			},
			{Name: "list", Title: "a full list", Seconds: 20, Failed: "it\nended"},
		},
	}
}

func TestThePageIsTheGoldenOne(t *testing.T) {
	t.Parallel()
	old := run()
	old.Commit = "0000000"
	old.Scenarios[0].Numbers[2].Value = 1
	var page bytes.Buffer
	current := run()
	current.Markdown(&page, Compare(old, current))
	golden := filepath.Join("testdata", "report.md")
	if *update {
		require.NoError(t, os.WriteFile(golden, page.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), page.String())
}

func TestGoalsAreJudgedAtTheirOwnSizeOnly(t *testing.T) {
	t.Parallel()
	r := run()
	verdict := func(id string) string {
		for _, g := range Goals {
			if g.ID == id {
				_, v := r.verdict(g)
				return v
			}
		}
		return "no such goal"
	}
	require.Equal(t, "reached", verdict("label-change"))
	require.Contains(t, verdict("label-change-million"), "not measured at this size")
	require.Equal(t, "**not reached**", verdict("writes"))
	require.Contains(t, verdict("list"), "not measured: ")
	r.Scenarios[0].Numbers = append(r.Scenarios[0].Numbers, Number{Name: "again", Value: 1.3, Kind: Ratio, Goal: "label-change"})
	require.Equal(t, "**not reached**", verdict("label-change"), "the worst number decides")
}

func TestARegressionExceedsTheNoiseOfComparableRuns(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name          string
		number        Number
		now           float64
		other         bool // machine
		worse, better int
	}{
		{"a ratio within noise", Number{Value: 1, Kind: Ratio}, 1.2, false, 0, 0},
		{"a ratio beyond it", Number{Value: 1, Kind: Ratio}, 1.3, false, 1, 0},
		{"a ratio of another machine", Number{Value: 1, Kind: Ratio}, 1.3, true, 1, 0},
		{"a time of another machine", Number{Value: 1, Kind: Absolute}, 9, true, 0, 0},
		{"a time of this machine", Number{Value: 1, Kind: Absolute}, 9, false, 1, 0},
		{"a time that got shorter", Number{Value: 9, Kind: Absolute}, 1, false, 0, 1},
		{"a rate that sank", Number{Value: 9, Kind: Absolute, MoreIsBetter: true}, 1, false, 1, 0},
		{"a count that was nothing", Number{Value: 0, Kind: Count}, 1, false, 1, 0},
		{"a count that is the same", Number{Value: 3, Kind: Count}, 3, false, 0, 0},
		{"a count of nothing that remains", Number{Value: 0, Kind: Count}, 0, false, 0, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.number.Name = "x"
			of := func(v float64) *Report {
				n := c.number
				n.Value = v
				return &Report{Machine: Machine{LoadBefore: "0.10"}, Scenarios: []Scenario{{Name: "s", Numbers: []Number{n}}}}
			}
			old := of(c.number.Value)
			if c.other {
				old.Machine.Processor = "another"
			}
			got := Compare(old, of(c.now))
			require.Len(t, got.Worse, c.worse)
			require.Len(t, got.Better, c.better)
		})
	}
}

func TestNumbersThatOneRunLacksAreListedAndNotCompared(t *testing.T) {
	t.Parallel()
	old, current := run(), run()
	old.Scenarios[0].Numbers[0].Name = "gone"
	old.Scenarios = append(old.Scenarios, Scenario{Name: "scale"})
	c := Compare(old, current)
	require.Equal(t, []string{"label-change: gone", "scale"}, c.OnlyOld)
	require.Equal(t, 1, c.OnlyNew)
	require.Equal(t, []string{"list"}, c.BrokenBefore)
	require.Empty(t, c.Worse)
}

func TestAReportSurvivesSavingAndReplacing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, err := Load(folder)
	require.ErrorIs(t, err, fs.ErrNotExist)
	first := run()
	first.Scenarios[0].Figures[0].Name = "other"
	require.NoError(t, Replace(folder, first))
	want := run()
	want.Scenarios[0].Add(Number{Name: "nothing", Value: math.NaN()})
	require.NoError(t, Replace(folder, want))
	got, err := Load(folder)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoFileExists(t, filepath.Join(folder, "other.svg"), "figures of the report before are gone")
	require.FileExists(t, filepath.Join(folder, "label.svg"))
}
