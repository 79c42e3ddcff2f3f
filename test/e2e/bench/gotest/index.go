// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package gotest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/musterfleet/muster/test/e2e/bench/plot"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
)

// selective are the regimes of the index's benchmarks whose selectors have a requirement
// that few clusters meet.
var selective = []string{"one-hot-label", "multi-value", "shared-label-plus-tenant"}

// microNoise is the factor between a few runs of microseconds on a machine with other work.
const microNoise = 2

type row struct{ what, regime string }

// Index runs the microbenchmarks of the packages that a label edit uses, and keeps their
// output in a file below out, for benchstat.
func Index(ctx context.Context, out string, step func(string, ...any), count int, s *report.Scenario) error {
	s.Title = "the index and derive alone"
	s.Text = []string{"Microbenchmarks of pkg/registry/index and pkg/registry/derive, in one process, without a server. *index* finds the selectors among n that a label edit flips (Affected), or that match new labels (Matching); *brute force* evaluates all n. Where nothing can be filed (NotIn-only and the like) the index visits what it must. Microseconds."}
	values := map[row]map[int][2][]float64{} // by n: index, brute force
	var derive []result
	step("go test -bench of index and derive")
	text, err := run(ctx, func(r result) {
		n, _ := strconv.Atoi(r.part("n"))
		impl := slices.Index([]string{"index", "brute"}, r.part("impl"))
		if n == 0 || impl < 0 {
			if r.part("regime") == "" {
				derive = append(derive, r)
			}
			return
		}
		what, _, _ := strings.Cut(r.Name, "/")
		at := row{what, r.part("regime")}
		if values[at] == nil {
			values[at] = map[int][2][]float64{}
		}
		both := values[at][n]
		both[impl] = append(both[impl], r.Values["ns/op"]/1000)
		values[at][n] = both
	}, "-bench", ".", "-benchmem", "-benchtime", "100ms", "-count", strconv.Itoa(count), "-timeout", "60m", "./pkg/registry/index", "./pkg/registry/derive")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "micro.txt"), []byte(text), 0o644); err != nil {
		return err
	}
	show(values, s)
	table := report.Table{Title: "**derive**", Columns: []string{"benchmark", "µs", "B", "allocations"}}
	for _, r := range derive {
		table.Rows = append(table.Rows, []string{r.Name, fmt.Sprintf("%.2f", r.Values["ns/op"]/1000), fmt.Sprintf("%.0f", r.Values["B/op"]), fmt.Sprintf("%.0f", r.Values["allocs/op"])})
		s.Add(report.Number{Name: r.Name, Value: r.Values["ns/op"] / 1000, Unit: "µs", Kind: report.Absolute, Noise: microNoise})
	}
	s.Tables = append(s.Tables, table)
	return nil
}

func show(values map[row]map[int][2][]float64, s *report.Scenario) {
	sizes := []int{1000, 10_000, 100_000}
	table := report.Table{Columns: []string{"operation and regime"}}
	for _, n := range sizes {
		table.Columns = append(table.Columns, fmt.Sprintf("n = %s", plot.Short(float64(n))), "brute force", "times as fast")
	}
	var rows []row
	for r := range values {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.what, b.what), cmp.Compare(a.regime, b.regime))
	})
	figure := plot.Figure{Name: "index-affected", Title: "Selectors that one label edit flips", X: "selectors", Y: "microseconds"}
	worst := map[int]float64{}
	brute := plot.Series{Name: "brute force"}
	for _, r := range rows {
		cells := []string{r.what + ", " + r.regime}
		for _, n := range sizes {
			index, by := middle(values[r][n][0]), middle(values[r][n][1])
			cells = append(cells, or(index, plot.Short(index)), or(by, plot.Short(by)), ratio(by, index))
			if index == 0 {
				continue
			}
			s.Add(
				report.Number{Name: fmt.Sprintf("%s, %s, %d", r.what, r.regime, n), Value: index, Unit: "µs", Kind: report.Absolute, Noise: microNoise},
				report.Number{Name: fmt.Sprintf("%s, %s, %d: against brute force", r.what, r.regime, n), Value: stats.Ratio(index, by), Kind: report.Ratio, Noise: microNoise},
			)
			if r.what == "Matching" && slices.Contains(selective, r.regime) {
				worst[n] = max(worst[n], index)
			}
		}
		table.Rows = append(table.Rows, cells)
		if r.what == "Affected" {
			line := plot.Series{Name: r.regime}
			for _, n := range []int{10, 100, 1000, 10_000, 100_000} {
				if index := middle(values[r][n][0]); index > 0 {
					line.Points = append(line.Points, plot.Point{X: float64(n), Y: index})
				}
				if by := middle(values[r][n][1]); by > 0 && r.regime == selective[0] {
					brute.Points = append(brute.Points, plot.Point{X: float64(n), Y: by})
				}
			}
			figure.Series = append(figure.Series, line)
		}
	}
	figure.Series = append([]plot.Series{brute}, figure.Series...)
	s.Tables = append(s.Tables, table)
	s.Figures = append(s.Figures, figure)
	// 3,000 selectors are fewer than 10,000, which take longer.
	for _, g := range []struct {
		goal string
		n    int
	}{{"index-3k", 10_000}, {"index-100k", 100_000}} {
		if v, measured := worst[g.n]; measured {
			s.Add(report.Number{Name: fmt.Sprintf("Matching, the slowest of the selective regimes, %d", g.n), Value: v, Unit: "µs", Kind: report.Absolute, Goal: g.goal})
		}
	}
}

// middle returns the median; 0 without values.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// or returns the text, or a dash if nothing was measured.
func or(v float64, text string) string {
	if v == 0 {
		return "–"
	}
	return text
}

// ratio returns a ratio with few digits where the index is much faster.
func ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return plot.Short(a / b)
}
