// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scale

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
)

// worst measures the edits that move most, and the fleets whose edits cost most.
func worst(ctx context.Context, s *site.Site, step func(string, ...any), o Options, out *report.Scenario) error {
	table := report.Table{
		Title:   "**Worst cases**",
		Columns: []string{"edit", "moves", "ms until the own event", "until the first event", "until the last", "evaluated", "µs of CPU each", "allocations each", "KiB each", "etcd writes", "peak, MiB"},
	}
	const few = 3 // Clusters
	group := edit{
		resource: site.ClusterGroups, name: fleets.Group, times: 2,
		patch: func(i int) string {
			return fmt.Sprintf(`{"spec":{"selector":{"matchLabels":{"env":%q}}}}`, []string{"prod", "nowhere"}[i%2])
		},
	}
	members := max(1, o.Group/100)
	group.moves = members * 100
	slot := oneLabel(1, smallEdits)
	slot.patch = labelled("slot", "7", "none")
	region := oneLabel(o.Labels, largeEdits)
	region.patch = func(i int) string { return fleets.LabelPatch("region", fmt.Sprintf("elsewhere-%d", i)) }
	var wrong []error
	for _, c := range []struct {
		what  string
		fleet fleets.Fleet
		edit  edit
	}{
		{fmt.Sprintf("a label that %d Bundles wait for", o.Labels), fleets.Many(10, few, o.Labels-1), oneLabel(o.Labels, 4)},
		{fmt.Sprintf("a Bundle that is on %d Clusters", o.Bundles), fleets.All(10, o.Bundles, 0), oneBundle(o.Bundles, largeEdits)},
		{fmt.Sprintf("a ClusterGroup that gets or loses %d Clusters, for 100 Bundles", members), fleets.Grouped(100, members), group},
		{fmt.Sprintf("a label, while %d Bundles have only NotIn", o.Labels), fleets.Excluding(o.Labels, few), slot},
		{fmt.Sprintf("a label that no template uses, while all of %d Bundles are templated", o.Labels), fleets.All(o.Labels, few, 1), oneLabel(1, smallEdits)},
		{fmt.Sprintf("a label that the templates of all %d Bundles use", o.Labels), fleets.All(o.Labels, few, 1), region},
	} {
		step("worst case: %s", c.what)
		if _, err := s.Fill(ctx, c.fleet); err != nil {
			return err
		}
		got, err := do(ctx, s, c.edit)
		if err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
		if got.deploymentEventsTooMany > 0 {
			wrong = append(wrong, fmt.Errorf("%s: %d events of BundleDeployments more than moved", c.what, got.deploymentEventsTooMany))
		}
		table.Rows = append(table.Rows, []string{
			c.what, fmt.Sprint(got.moves), stats.MS(got.own), stats.MS(got.first), stats.MS(got.last), fmt.Sprintf("%.0f", got.evaluations),
			fmt.Sprintf("%.0f", got.per(float64(got.cpu.Microseconds()))), whole(got.per(got.allocations)), fmt.Sprintf("%.1f", got.per(got.bytes/1024)), fmt.Sprint(got.writes), mib(got.peakAfter),
		})
		out.Add(
			report.Number{Name: c.what + ": last event", Value: stats.Milliseconds(got.last), Unit: "ms", Kind: report.Absolute},
			report.Number{Name: c.what + ": last event against the own one", Value: stats.Ratio(got.last, got.own), Kind: report.Ratio},
			report.Number{Name: c.what + ": allocations each", Value: got.per(got.allocations), Kind: report.Absolute},
			report.Number{Name: c.what + ": etcd writes for an edit", Value: float64(got.writes), Kind: report.Count, Goal: "writes"},
		)
	}
	out.Tables = append(out.Tables, table)
	return errors.Join(wrong...)
}

// shapes measures fleets of one size: few Clusters with many Bundles, and many with few.
func shapes(ctx context.Context, s *site.Site, step func(string, ...any), all []fleets.Fleet, out *report.Scenario) error {
	table := report.Table{Title: "**One size, other shapes**", Columns: []string{"fleet", "BundleDeployments", "ready, s", "resident, MiB", "peak, MiB", "in use, MiB", "label edit that moves 1, ms", "times the Cluster's own event"}}
	for _, f := range all {
		p, err := grow(ctx, s, step, f, false)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		table.Rows = append(table.Rows, []string{
			f.Name, fmt.Sprint(f.Deployments), fmt.Sprintf("%.1f", p.start.Seconds()), mib(p.memory.Resident), mib(p.memory.Peak), mib(p.memory.Used),
			stats.MS(p.one.last), stats.Times(stats.Ratio(p.one.last, p.one.own)),
		})
		out.Add(
			report.Number{Name: f.Name + ": ready", Value: p.start.Seconds(), Unit: "s", Kind: report.Absolute},
			report.Number{Name: f.Name + ": in use", Value: site.MiB(p.memory.Used), Unit: "MiB", Kind: report.Absolute},
			report.Number{Name: f.Name + ": label edit against the Cluster's own event", Value: stats.Ratio(p.one.last, p.one.own), Kind: report.Ratio},
		)
	}
	out.Tables = append(out.Tables, table)
	return nil
}
