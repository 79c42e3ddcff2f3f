// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"fmt"
	"math"
	"time"

	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
)

// result holds the measurements of one way to report.
type result struct {
	way string
	// reported counts the acknowledged reports, took is the time from the first to the
	// last, errors counts those that failed, and refused lists their codes.
	reported, errors int
	refused          string
	took             time.Duration
	// acknowledged is the time from request to answer; seen and rolledUp are the times from
	// the answer to the event of the BundleDeployment and of the Bundle.
	acknowledged, seen, rolledUp []time.Duration
	// cpu is the time that all servers used for a report.
	cpu time.Duration
	// before and after are bytes in etcd for each BundleDeployment; reports is the part of
	// after that belongs to reports.
	before, after, reports float64
}

func (r *result) rate() float64 { return float64(r.reported) / r.took.Seconds() }

// percentile returns milliseconds; not a number without values.
func percentile(values []time.Duration, percent int) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	return stats.Milliseconds(stats.Percentile(values, percent))
}

// rows are the rows of the table. Those with a name are also numbers of the report.
var rows = []struct {
	text, format string
	name         string
	moreIsBetter bool
	value        func(r *result) float64
}{
	{"reports a second", "%.0f", "reports a second", true, (*result).rate},
	{"acknowledged, p50, ms", "%.1f", "acknowledged, median", false, func(r *result) float64 { return percentile(r.acknowledged, 50) }},
	{"acknowledged, p99, ms", "%.1f", "", false, func(r *result) float64 { return percentile(r.acknowledged, 99) }},
	{"then BundleDeployment's event, p50, ms", "%.1f", "", false, func(r *result) float64 { return percentile(r.seen, 50) }},
	{"then BundleDeployment's event, p99, ms", "%.1f", "", false, func(r *result) float64 { return percentile(r.seen, 99) }},
	{"then Bundle's roll-up event, p50, ms", "%.1f", "", false, func(r *result) float64 { return percentile(r.rolledUp, 50) }},
	{"then Bundle's roll-up event, p99, ms", "%.1f", "", false, func(r *result) float64 { return percentile(r.rolledUp, 99) }},
	{"CPU of all servers, ms a report", "%.2f", "CPU for a report", false, func(r *result) float64 { return stats.Milliseconds(r.cpu) }},
	{"etcd, bytes a BundleDeployment, before", "%.0f", "", false, func(r *result) float64 { return r.before }},
	{"etcd, bytes a BundleDeployment, after", "%.0f", "bytes in etcd for a BundleDeployment", false, func(r *result) float64 { return r.after }},
	{"of these, reports", "%.0f", "", false, func(r *result) float64 { return orNone(r.reports) }},
	{"reports that failed", "%.0f", "", false, func(r *result) float64 { return float64(r.errors) }},
}

func orNone(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}

// show puts all results into the report, and the ratio of each to the last one, which is
// for custom resources.
func show(size string, all []*result, out *report.Scenario) {
	table := report.Table{Columns: []string{"", "Muster straight", "Muster behind kube-apiserver", "custom resources", "straight / custom", "behind / custom"}}
	last := len(all) - 1
	for _, row := range rows {
		cells := []string{row.text}
		var ratios []string
		beside := row.value(all[last])
		for i, r := range all {
			value := row.value(r)
			cells = append(cells, cell(row.format, value))
			if i == last {
				continue
			}
			ratio := value / beside
			ratios = append(ratios, cell("%.2f", ratio))
			if row.name == "" {
				continue
			}
			name := fmt.Sprintf("%s, %s: %s", size, r.way, row.name)
			out.Add(
				report.Number{Name: name, Value: value, Kind: report.Absolute, MoreIsBetter: row.moreIsBetter},
				report.Number{Name: name + ", against custom resources", Value: ratio, Kind: report.Ratio, MoreIsBetter: row.moreIsBetter},
			)
		}
		table.Rows = append(table.Rows, append(cells, ratios...))
	}
	out.Tables = append(out.Tables, table)
	for _, r := range all {
		if r.errors > 0 {
			out.Text = append(out.Text, fmt.Sprintf("%s: reports that failed, by the code of the answer: %s", r.way, r.refused))
		}
	}
}

func cell(format string, value float64) string {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return "–"
	}
	return fmt.Sprintf(format, value)
}
