// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package listing

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/plot"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// alone lists fleets from Muster, once each way, up to sizes that kube-apiserver could not
// hold at the same time.
func alone(ctx context.Context, s *site.Site, step func(string, ...any), all []fleets.Fleet, out *report.Scenario) error {
	table := report.Table{
		Title:   "**Growth**: Muster alone, once each way",
		Columns: []string{"fleet", "BundleDeployments", "list", "s", "objects/s", "MB/s", "CPU, µs an object", "resident before, MiB", "peak memory above that, MiB"},
	}
	figure := plot.Figure{Name: "list-growth", Title: "A full list from Muster", X: "BundleDeployments", Y: "seconds"}
	peaks := plot.Figure{Name: "list-memory", Title: "Peak memory of the replica above what it had before a list", X: "BundleDeployments", Y: "MiB"}
	chosen := []way{ways[0], ways[len(ways)-1]}
	for _, w := range chosen {
		figure.Series = append(figure.Series, plot.Series{Name: w.short})
		peaks.Series = append(peaks.Series, plot.Series{Name: w.short})
	}
	var wrong []error
	for _, f := range all {
		step("%s: writing the fleet and starting", f.Name)
		if _, err := s.Fill(ctx, f); err != nil {
			return err
		}
		muster := &server{"Muster", s.Client, site.Deployments, []*cluster.Process{s.Replica.Process, s.Etcd.Member(0)}}
		for i, w := range chosen {
			step("%s: listing %s", f.Name, w.name)
			got, err := muster.list(ctx, w)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", f.Name, w.name, err)
			}
			if got.objects != f.Deployments {
				wrong = append(wrong, fmt.Errorf("%s, %s: %d objects of %d", f.Name, w.name, got.objects, f.Deployments))
			}
			n, seconds := float64(got.objects), got.took.Seconds()
			table.Rows = append(table.Rows, []string{
				f.Name, fmt.Sprint(f.Deployments), w.name, fmt.Sprintf("%.2f", seconds), fmt.Sprintf("%.0f", n/seconds), fmt.Sprintf("%.0f", float64(got.bytes)/seconds/1e6),
				fmt.Sprintf("%.0f", float64(got.cpu.Microseconds())/n), fmt.Sprintf("%.0f", site.MiB(got.before)), fmt.Sprintf("%.0f", site.MiB(got.more)),
			})
			x := float64(f.Deployments)
			figure.Series[i].Points = append(figure.Series[i].Points, plot.Point{X: x, Y: seconds})
			peaks.Series[i].Points = append(peaks.Series[i].Points, plot.Point{X: x, Y: site.MiB(got.more)})
			name := fmt.Sprintf("Muster alone, %d %s", f.Deployments, w.name)
			out.Add(
				report.Number{Name: name + ": rate", Value: n / seconds, Unit: "/s", Kind: report.Absolute, MoreIsBetter: true},
				report.Number{Name: name + ": peak memory", Value: site.MiB(got.more), Unit: "MiB", Kind: report.Absolute, Noise: peakNoise},
			)
		}
	}
	out.Tables = append(out.Tables, table)
	out.Figures = append(out.Figures, figure, peaks)
	return errors.Join(wrong...)
}

// peakNoise is the factor by which a peak of a few MiB varies with the time of collections.
const peakNoise = 3
