// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sizing

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// result is what one way of reporting was like.
type result struct {
	way string
	// reported are the acknowledged reports, which took so long from the first to the
	// last; errors are those that failed, and refused says how.
	reported, errors int
	refused          string
	took             time.Duration
	// acknowledged is from request to answer; seen and rolledUp from the answer to the
	// event of the BundleDeployment and of the Bundle.
	acknowledged, seen, rolledUp []time.Duration
	// cpu is what all servers used for a report, in seconds.
	cpu float64
	// before and after are bytes in etcd for each BundleDeployment; reports is the part
	// of after that are reports.
	before, after, reports float64
}

func (r *result) rate() float64 { return float64(r.reported) / r.took.Seconds() }

// note gives the result to the benchmark.
func (r *result) note(b *testing.B) {
	b.Helper()
	b.ReportMetric(r.rate(), "reports/s")
	b.ReportMetric(quantile(r.acknowledged, 0.5), "p50-ms")
	b.ReportMetric(quantile(r.acknowledged, 0.99), "p99-ms")
	b.ReportMetric(r.cpu*1000, "cpu-ms/report")
	b.ReportMetric(r.after, "B/BundleDeployment")
	if len(r.rolledUp) > 0 {
		b.ReportMetric(quantile(r.rolledUp, 0.99), "rollup-p99-ms")
	}
}

// quantile is in milliseconds; not a number if there are no times.
func quantile(all []time.Duration, q float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(all))
	at := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(0, at)].Seconds() * 1000
}

// table shows Muster straight, Muster behind kube-apiserver and custom resources, in
// this order, and the ratio of each to the last.
func table(results []result) string {
	rows := []struct {
		name   string
		format string
		value  func(r *result) float64
	}{
		{"reports a second", "%.0f", (*result).rate},
		{"acknowledged, p50, ms", "%.1f", func(r *result) float64 { return quantile(r.acknowledged, 0.5) }},
		{"acknowledged, p99, ms", "%.1f", func(r *result) float64 { return quantile(r.acknowledged, 0.99) }},
		{"then BundleDeployment's event, p50, ms", "%.1f", func(r *result) float64 { return quantile(r.seen, 0.5) }},
		{"then BundleDeployment's event, p99, ms", "%.1f", func(r *result) float64 { return quantile(r.seen, 0.99) }},
		{"then Bundle's roll-up event, p50, ms", "%.1f", func(r *result) float64 { return quantile(r.rolledUp, 0.5) }},
		{"then Bundle's roll-up event, p99, ms", "%.1f", func(r *result) float64 { return quantile(r.rolledUp, 0.99) }},
		{"CPU of all servers, ms a report", "%.2f", func(r *result) float64 { return r.cpu * 1000 }},
		{"etcd, bytes a BundleDeployment, before", "%.0f", func(r *result) float64 { return r.before }},
		{"etcd, bytes a BundleDeployment, after", "%.0f", func(r *result) float64 { return r.after }},
		{"of these, reports", "%.0f", func(r *result) float64 {
			if r.reports == 0 {
				return math.NaN()
			}
			return r.reports
		}},
		{"reports that failed", "%.0f", func(r *result) float64 { return float64(r.errors) }},
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d agents × %d BundleDeployments, %d reports in flight, a watch for each agent: %v, etcd syncs: %v\n\n",
		*agents, *bundles, *inFlight, *ownWatch, *fsync)
	out.WriteString("| | Muster straight | Muster behind kube-apiserver | custom resources | straight / custom | behind / custom |\n|---|---:|---:|---:|---:|---:|\n")
	cell := func(format string, value float64) string {
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return "–"
		}
		return fmt.Sprintf(format, value)
	}
	for _, row := range rows {
		fmt.Fprintf(&out, "| %s |", row.name)
		var values []float64
		for i := range results {
			value := row.value(&results[i])
			values = append(values, value)
			fmt.Fprintf(&out, " %s |", cell(row.format, value))
		}
		custom := values[len(values)-1]
		for _, value := range values[:len(values)-1] {
			fmt.Fprintf(&out, " %s |", cell("%.2f", value/custom))
		}
		out.WriteString("\n")
	}
	for i := range results {
		if results[i].errors > 0 {
			fmt.Fprintf(&out, "\n%s: reports that failed, by the code of the answer: %s\n", results[i].way, results[i].refused)
		}
	}
	return out.String()
}
