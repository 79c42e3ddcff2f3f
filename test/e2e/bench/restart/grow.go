// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package restart

import (
	"context"
	"fmt"
	"time"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/plot"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
)

type point struct {
	fleet       fleets.Fleet
	ready, read time.Duration
}

// grow restarts the replica once with each fleet, without watchers.
func grow(ctx context.Context, s *site.Site, step func(string, ...any), all []fleets.Fleet) ([]point, error) {
	var points []point
	for _, f := range all {
		step("%s: starting and restarting", f.Name)
		if _, err := s.Fill(ctx, f); err != nil {
			return nil, err
		}
		s.Stop()
		ready, err := s.Begin()
		if err != nil {
			return nil, err
		}
		begun := time.Now()
		if _, _, err := s.Stored(ctx, ""); err != nil {
			return nil, err
		}
		points = append(points, point{f, ready, time.Since(begun)})
	}
	return points, nil
}

func show(points []point, out *report.Scenario) {
	table := report.Table{Title: "**Growth**: smaller fleets once each, without watchers", Columns: []string{"fleet", "BundleDeployments", "ready, s", "yardstick: reading all records from etcd, s"}}
	ready, read := plot.Series{Name: "ready"}, plot.Series{Name: "records are read"}
	for i, p := range points {
		table.Rows = append(table.Rows, []string{p.fleet.Name, fmt.Sprint(p.fleet.Deployments), fmt.Sprintf("%.2f", p.ready.Seconds()), fmt.Sprintf("%.3f", p.read.Seconds())})
		x := float64(p.fleet.Deployments)
		ready.Points = append(ready.Points, plot.Point{X: x, Y: p.ready.Seconds()})
		read.Points = append(read.Points, plot.Point{X: x, Y: p.read.Seconds()})
		if i < len(points)-1 { // Run has the last one's
			out.Add(report.Number{Name: fmt.Sprintf("%d BundleDeployments: ready", p.fleet.Deployments), Value: p.ready.Seconds(), Unit: "s", Kind: report.Absolute})
		}
	}
	out.Tables = append(out.Tables, table)
	out.Figures = append(out.Figures, plot.Figure{Name: "restart-growth", Title: "A restart, from the process's start", X: "BundleDeployments", Y: "seconds", Series: []plot.Series{ready, read}})
}
