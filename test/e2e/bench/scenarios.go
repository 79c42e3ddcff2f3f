// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"slices"

	"github.com/musterfleet/muster/test/e2e/bench/custom"
	"github.com/musterfleet/muster/test/e2e/bench/fanout"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/gotest"
	"github.com/musterfleet/muster/test/e2e/bench/informers"
	"github.com/musterfleet/muster/test/e2e/bench/labelchange"
	"github.com/musterfleet/muster/test/e2e/bench/listing"
	"github.com/musterfleet/muster/test/e2e/bench/memory"
	"github.com/musterfleet/muster/test/e2e/bench/neighbours"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/reports"
	"github.com/musterfleet/muster/test/e2e/bench/restart"
	"github.com/musterfleet/muster/test/e2e/bench/scale"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/sizing"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

type scenario struct {
	name string
	// steps is the approximate number of steps that it announces.
	steps int
	// alone is set for scenarios that need no site and start what they need.
	alone bool
	// named is set for scenarios that run only if --scenarios names them.
	named bool
	run   func(t cluster.T, s *site.Site, o *options, step func(string, ...any), out *report.Scenario) error
}

// scenarios are all scenarios, in the order in which they run.
var scenarios = []*scenario{
	{name: "label-change", steps: 4, run: runLabelChange},
	{name: "scale", steps: 21, run: runScale},
	{name: "memory", steps: 10, run: runMemory},
	{name: "fanout", steps: 4, run: runFanout},
	{name: "restart", steps: 5, run: runRestart},
	{name: "list", steps: 6, run: runList},
	{name: "neighbours", steps: 5, run: runNeighbours},
	{name: "reports", steps: 4, alone: true, run: runReports},
	{name: "index", steps: 1, alone: true, run: runIndex},
	{name: "informers", steps: 6, named: true, run: runInformers},
	{name: "sizing", steps: 6, alone: true, named: true, run: runSizing},
}

// shaped returns a fleet of about so many BundleDeployments, with some Clusters for each
// Bundle.
func shaped(deployments, clustersPerBundle int) fleets.Fleet {
	bundles := max(2, int(math.Round(math.Sqrt(float64(deployments)/float64(clustersPerBundle)))))
	return fleets.All(bundles, deployments/bundles, 10)
}

// growth returns fleets of powers of ten, the largest last.
func growth(o *options) (all []fleets.Fleet) {
	for n := 1000; n < o.deployments; n *= 10 {
		all = append(all, square(n))
	}
	return append(all, square(o.deployments))
}

// square returns a fleet with a hundred Clusters for each Bundle, the shape of the design's
// million.
func square(deployments int) fleets.Fleet { return shaped(deployments, 100) }

func runLabelChange(t cluster.T, s *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	if err := custom.Define(t, s.Control, custom.Deployments); err != nil {
		return err
	}
	return labelchange.Run(t.Context(), s, step, []labelchange.Size{
		{
			Fleet: fleets.Original(o.gitRepos, o.perRepo, o.clusters), Edits: o.edits, Goal: "label-change",
			AtSize: o.gitRepos*o.perRepo == 3000 && o.clusters == 3,
		},
		{Fleet: square(o.deployments), Edits: o.edits, Goal: "label-change-million", AtSize: o.deployments >= 1_000_000},
	}, out)
}

func runScale(t cluster.T, s *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	options := scale.Options{
		Labels: min(3000, o.deployments/10), Bundles: min(10_000, o.deployments/10), Group: min(100_000, o.deployments),
		Million: o.deployments >= 1_000_000, Growth: growth(o),
	}
	for _, clustersPerBundle := range []int{1, 10_000} {
		options.Shapes = append(options.Shapes, shaped(o.deployments, clustersPerBundle))
	}
	return scale.Run(t.Context(), s, step, options, out)
}

func runMemory(t cluster.T, s *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	options := memory.Options{Fleet: square(o.deployments), Million: o.deployments >= 1_000_000, Folder: o.folder}
	options.Reported = append(options.Reported, shaped(min(o.deployments, 100_000), 10))
	if o.deployments > 100_000 {
		options.Reported = append(options.Reported, square(o.deployments))
	}
	return memory.Run(t.Context(), s, step, options, out)
}

func runList(t cluster.T, s *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	// Not a million: kube-apiserver cannot hold that many at the same time.
	f := shaped(min(o.deployments, 100_000), 10)
	return listing.Run(t, s, step, listing.Options{Beside: f, Alone: growth(o), AtSize: f.Deployments >= 99_000}, out)
}

func runFanout(t cluster.T, s *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	const edits = 5
	return fanout.Run(t, s, step, fanout.Options{
		Bundles: o.size(o.bundles, 20, 2), Agents: o.size(o.agents, 200, 10_000), Watches: o.size(o.watches, 20, 100),
		Edits: edits, WholeEdits: o.size(0, edits, 1), // of a million events
	}, out)
}

func runNeighbours(t cluster.T, s *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	return neighbours.Run(t.Context(), s, step, neighbours.Options{
		Beside: square(min(o.deployments, o.size(0, 10_000, 100_000))), Bundles: o.size(o.bundles, 20, 50), Clusters: o.size(o.agents, 20, 100),
		Resources: 5000, Templates: 20, Stuck: o.size(o.watches, 300, 5000), Loops: o.size(0, 2, 4), Edits: o.edits,
	}, out)
}

func runRestart(t cluster.T, s *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	return restart.Run(t.Context(), s, step, growth(o), o.size(o.agents, 200, 200), o.deployments >= 1_000_000, out)
}

func runReports(t cluster.T, _ *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	return reports.Run(t, step, reports.Options{Agents: o.size(o.agents, 100, 500), Bundles: o.size(o.bundles, 20, 20)}, out)
}

func runSizing(t cluster.T, _ *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	return sizing.Run(t, step, sizing.Options{Clusters: o.size(o.agents, 500, 500), Bundles: o.size(o.bundles, 200, 200)}, out)
}

func runInformers(t cluster.T, s *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	const smallest = 10_000
	all := slices.DeleteFunc(growth(o), func(f fleets.Fleet) bool { return f.Deployments < smallest && f.Deployments < o.deployments })
	return informers.Run(t.Context(), s, step, all, out)
}

func runIndex(t cluster.T, _ *site.Site, o *options, step func(string, ...any), out *report.Scenario) error {
	return gotest.Index(t.Context(), o.folder, step, o.count, out)
}
