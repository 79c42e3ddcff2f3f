// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scale measures how costs grow with the fleet, from a thousand BundleDeployments
// up by factors of ten: the time of a start, the memory, and the cost of an edit that moves
// one BundleDeployment or a whole Bundle. Then it measures the worst cases, and fleets of
// one size with other shapes. Fleets are written directly into etcd.
package scale

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/plot"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
)

// Options set the sizes.
type Options struct {
	// Growth are the fleets of the curves, from small to large, and Shapes those of one
	// size. Labels, Bundles and Group are the numbers of BundleDeployments that the worst
	// edits move.
	Growth, Shapes         []fleets.Fleet
	Labels, Bundles, Group int
	// Million says that the largest fleet is the design's.
	Million bool
}

type point struct {
	fleet                fleets.Fleet
	start                time.Duration
	memory               site.Memory
	etcdKeys, etcdBytes  int
	unreported           int
	one, bundle, nothing *cost
}

const (
	smallEdits = 40
	largeEdits = 3
)

// Run measures all of it.
func Run(ctx context.Context, s *site.Site, step func(string, ...any), o Options, out *report.Scenario) error {
	out.Title = "growth, and the worst cases"
	out.Text = []string{
		fmt.Sprintf("Fleets are written straight into etcd (Bundles of one small manifest and ten values, a tenth of them templated; Clusters of five labels), then the replica is started. *Ready* is from the process's start until its readiness probe succeeds. *Resident* is what the system says right after that, *peak* the most until then, *in use* heap and stacks after a collection. An edit is one PATCH through the API, with a watch of all BundleDeployments and one of the edited kind open: small ones %d times, large ones %d times; medians. CPU, allocations and bytes are the server's, HTTP, write and both watches included.", smallEdits, largeEdits),
	}
	var points []*point
	var wrong []error
	for _, f := range o.Growth {
		p, err := grow(ctx, s, step, f, true)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		points = append(points, p)
		wrong = append(wrong, p.wrong())
	}
	curves(points, o.Million, out)
	if err := worst(ctx, s, step, o, out); err != nil {
		return err
	}
	if err := shapes(ctx, s, step, o.Shapes, out); err != nil {
		return err
	}
	return errors.Join(wrong...)
}

func grow(ctx context.Context, s *site.Site, step func(string, ...any), f fleets.Fleet, all bool) (*point, error) {
	p := &point{fleet: f}
	step("%s: writing the fleet and starting", f.Name)
	var err error
	if p.start, err = s.Fill(ctx, f); err != nil {
		return nil, err
	}
	if p.memory, err = site.Weigh(ctx, s.Client, s.Replica.Process); err != nil {
		return nil, err
	}
	if p.etcdKeys, p.etcdBytes, err = s.Stored(ctx, ""); err != nil {
		return nil, err
	}
	for _, kind := range []string{"object", "report", "promotion"} {
		_, bytes, err := s.Stored(ctx, kind+"/bundledeployments/")
		if err != nil {
			return nil, err
		}
		p.unreported += bytes
	}
	step("%s: edits that move one and none", f.Name)
	if p.one, err = do(ctx, s, oneLabel(1, smallEdits)); err != nil {
		return nil, err
	}
	if !all {
		return p, nil
	}
	unused := oneLabel(0, smallEdits)
	unused.patch = labelled("unused", "yes", "")
	if p.nothing, err = do(ctx, s, unused); err != nil {
		return nil, err
	}
	step("%s: an edit of a Bundle", f.Name)
	p.bundle, err = do(ctx, s, oneBundle(f.Clusters, largeEdits))
	return p, err
}

// wrong returns errors for what may not happen at any size.
func (p *point) wrong() error {
	var all []error
	for _, c := range []*cost{p.one, p.bundle, p.nothing} {
		if c.deploymentEventsTooMany > 0 {
			all = append(all, fmt.Errorf("%s: %d events of BundleDeployments more than moved", p.fleet.Name, c.deploymentEventsTooMany))
		}
	}
	return errors.Join(all...)
}

func curves(points []*point, million bool, out *report.Scenario) {
	memory := report.Table{Title: "**Starting with a fleet**", Columns: []string{"fleet", "BundleDeployments", "ready, s", "resident, MiB", "peak, MiB", "in use, MiB", "bytes in use each", "etcd, MiB", "of that for BundleDeployments"}}
	labels := report.Table{Title: "**A label edit that moves one BundleDeployment**, and one that moves none", Columns: []string{"BundleDeployments", "ms until its event", "times the Cluster's own event", "times a plain etcd put's", "allocations", "KiB", "evaluated", "evaluated where it moves none", "templated on the Cluster", "BundleDeployments rendered", "rendered where it moves none"}}
	bundles := report.Table{Title: "**An edit of a Bundle** that is on all Clusters", Columns: []string{"BundleDeployments", "moves", "ms until the own event", "until the first event", "until the last", "µs of CPU each", "allocations each", "KiB each"}}
	x := func(p *point) float64 { return float64(p.fleet.Deployments) }
	figure := func(name, title, y string, series map[string]func(*point) float64, order ...string) {
		f := plot.Figure{Name: name, Title: title, X: "BundleDeployments", Y: y}
		for _, line := range order {
			s := plot.Series{Name: line}
			for _, p := range points {
				s.Points = append(s.Points, plot.Point{X: x(p), Y: series[line](p)})
			}
			f.Series = append(f.Series, s)
		}
		out.Figures = append(out.Figures, f)
	}
	empty := points[0].memory.Used
	for i, p := range points {
		each := stats.Ratio(float64(p.memory.Used-empty), float64(p.fleet.Deployments-points[0].fleet.Deployments))
		memory.Rows = append(memory.Rows, []string{
			p.fleet.Name, fmt.Sprint(p.fleet.Deployments), fmt.Sprintf("%.1f", p.start.Seconds()), mib(p.memory.Resident), mib(p.memory.Peak), mib(p.memory.Used), whole(each),
			fmt.Sprintf("%.1f", site.MiB(int64(p.etcdBytes))), fmt.Sprintf("%d B", p.unreported),
		})
		labels.Rows = append(labels.Rows, []string{
			fmt.Sprint(p.fleet.Deployments), stats.MS(p.one.last), stats.Times(stats.Ratio(p.one.last, p.one.own)), stats.Times(stats.Ratio(p.one.last, p.one.yardstick)),
			whole(p.one.allocations), whole(p.one.bytes / 1024), whole(p.one.evaluations), whole(p.nothing.evaluations), fmt.Sprint(p.fleet.Templated),
			tenths(p.one.rendered), tenths(p.nothing.rendered),
		})
		bundles.Rows = append(bundles.Rows, []string{
			fmt.Sprint(p.fleet.Deployments), fmt.Sprint(p.bundle.moves), stats.MS(p.bundle.own), stats.MS(p.bundle.first), stats.MS(p.bundle.last),
			whole(p.bundle.per(float64(p.bundle.cpu.Microseconds()))), whole(p.bundle.per(p.bundle.allocations)), fmt.Sprintf("%.1f", p.bundle.per(p.bundle.bytes/1024)),
		})
		name, goal, largest := fmt.Sprintf("%d BundleDeployments", p.fleet.Deployments), "", i == len(points)-1
		if largest {
			goal = "memory-million"
		}
		out.Add(
			report.Number{Name: name + ": ready", Value: p.start.Seconds(), Unit: "s", Kind: report.Absolute},
			report.Number{Name: name + ": resident", Value: site.MiB(p.memory.Resident), Unit: "MiB", Kind: report.Absolute, Goal: goal, At: report.At(p.fleet.Name, largest && million)},
			report.Number{Name: name + ": in use", Value: site.MiB(p.memory.Used), Unit: "MiB", Kind: report.Absolute},
			report.Number{Name: name + ": bytes in etcd for BundleDeployments", Value: float64(p.unreported), Unit: "B", Kind: report.Count, Goal: "etcd-bytes"},
			report.Number{Name: name + ": label edit against the Cluster's own event", Value: stats.Ratio(p.one.last, p.one.own), Kind: report.Ratio},
			report.Number{Name: name + ": allocations of a label edit", Value: p.one.allocations, Kind: report.Absolute},
			report.Number{Name: name + ": evaluated for a label that moves none", Value: p.nothing.evaluations, Kind: report.Count, Goal: "unaffected-evaluations"},
			report.Number{Name: name + ": rendered for a label that moves none", Value: p.nothing.rendered, Kind: report.Count, Goal: "unaffected-renders"},
			report.Number{Name: name + ": rendered for a label that moves one, beside the one", Value: p.one.rendered - 1, Kind: report.Count, Goal: "unaffected-renders"},
			report.Number{Name: name + ": rendered for a Bundle edit, beside what it moves", Value: p.bundle.rendered - float64(p.bundle.moves), Kind: report.Count, Goal: "unaffected-renders"},
			report.Number{Name: name + ": Bundle edit, allocations each", Value: p.bundle.per(p.bundle.allocations), Kind: report.Absolute},
			report.Number{Name: name + ": Bundle edit, CPU each", Value: p.bundle.per(float64(p.bundle.cpu.Microseconds())), Unit: "µs", Kind: report.Absolute},
			report.Number{Name: name + ": etcd writes for an edit", Value: float64(max(p.one.writes, p.bundle.writes)), Kind: report.Count, Goal: "writes"},
		)
	}
	out.Tables = append(out.Tables, memory, labels, bundles)
	figure("scale-edit", "From the PATCH to the last event", "milliseconds", map[string]func(*point) float64{
		"Bundle edit, all its":    func(p *point) float64 { return stats.Milliseconds(p.bundle.last) },
		"label edit that moves 1": func(p *point) float64 { return stats.Milliseconds(p.one.last) },
		"the Cluster's own":       func(p *point) float64 { return stats.Milliseconds(p.one.own) },
		"a plain etcd put":        func(p *point) float64 { return stats.Milliseconds(p.one.yardstick) },
	}, "Bundle edit, all its", "label edit that moves 1", "the Cluster's own", "a plain etcd put")
	figure("scale-cost", "What an edit costs the server, for each that it moves", "see the legend", map[string]func(*point) float64{
		"label: allocations":  func(p *point) float64 { return p.one.allocations },
		"label: KiB":          func(p *point) float64 { return p.one.bytes / 1024 },
		"Bundle: allocations": func(p *point) float64 { return p.bundle.per(p.bundle.allocations) },
		"Bundle: KiB":         func(p *point) float64 { return p.bundle.per(p.bundle.bytes / 1024) },
		"Bundle: µs of CPU":   func(p *point) float64 { return p.bundle.per(float64(p.bundle.cpu.Microseconds())) },
	}, "label: allocations", "label: KiB", "Bundle: allocations", "Bundle: KiB", "Bundle: µs of CPU")
	figure("scale-memory", "Memory of the replica after a start", "MiB", map[string]func(*point) float64{
		"resident":        func(p *point) float64 { return site.MiB(p.memory.Resident) },
		"in use":          func(p *point) float64 { return site.MiB(p.memory.Used) },
		"records in etcd": func(p *point) float64 { return site.MiB(int64(p.etcdBytes)) },
	}, "resident", "in use", "records in etcd")
	figure("scale-start", "From the process's start to ready", "seconds", map[string]func(*point) float64{
		"ready": func(p *point) float64 { return p.start.Seconds() },
	}, "ready")
}

func mib(bytes int64) string { return whole(site.MiB(bytes)) }

// tenths returns a number that should be whole as text.
func tenths(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// whole returns a number as a table shows it, without meaningless digits.
func whole(v float64) string {
	if v != v {
		return "–"
	}
	return fmt.Sprintf("%.0f", v)
}
