// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package gotest

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/musterfleet/muster/test/e2e/bench/report"
)

// Reports runs BenchmarkReports of test/e2e/sizing, which compares reports of simulated
// agents to Muster, straight and behind kube-apiserver, with reports to custom
// resources.
func Reports(ctx context.Context, step func(string, ...any), agents, bundles int, s *report.Scenario) error {
	s.Title = "agents' reports"
	s.Text = []string{fmt.Sprintf("By `test/e2e/sizing`: %d simulated agents, as many as there are Clusters, report on all of their %d BundleDeployments each at once, 32 reports under way; docs/sizing.md says what the rows mean. It starts a control plane of its own.", agents, bundles)}
	name := fmt.Sprintf("%d agents × %d", agents, bundles)
	step("%s BundleDeployments: go test -bench Reports", name)
	of := map[string]Result{}
	text, err := Run(ctx, "test/e2e", func(r Result) {
		_, way, _ := strings.Cut(r.Name, "/")
		of[way] = r
		step("measured: %s", way)
	}, "-bench", "Reports", "-benchtime", "1x", "-timeout", "120m", "./sizing", "-agents", strconv.Itoa(agents), "-bundles", strconv.Itoa(bundles))
	if err != nil {
		return err
	}
	if table, found := tableIn(text); found {
		s.Tables = append(s.Tables, table)
	}
	custom := of["custom"].Values
	for _, way := range []string{"straight", "behind"} {
		mine := of[way].Values
		for _, n := range []struct {
			unit, what   string
			moreIsBetter bool
		}{
			{"reports/s", "reports a second", true},
			{"p50-ms", "acknowledged, median", false},
			{"cpu-ms/report", "CPU for a report", false},
			{"B/BundleDeployment", "bytes in etcd for a BundleDeployment", false},
		} {
			value, ok := mine[n.unit]
			if !ok {
				continue
			}
			s.Add(report.Number{Name: fmt.Sprintf("%s, %s: %s", name, way, n.what), Value: value, Kind: report.Absolute, MoreIsBetter: n.moreIsBetter})
			if beside := custom[n.unit]; beside > 0 && !math.IsNaN(value) {
				s.Add(report.Number{Name: fmt.Sprintf("%s, %s: %s, against custom resources", name, way, n.what), Value: value / beside, Kind: report.Ratio, MoreIsBetter: n.moreIsBetter})
			}
		}
	}
	s.NotMeasured = append(s.NotMeasured, "muster-controller and Fleet's controllers do not run beside it")
	return nil
}

// tableIn is the first table of Markdown in a text.
func tableIn(text string) (t report.Table, found bool) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			if found {
				return t, true
			}
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		switch {
		case !found:
			t.Columns, found = cells, true
		case strings.HasPrefix(line, "|---"):
		default:
			t.Rows = append(t.Rows, cells)
		}
	}
	return t, found
}
