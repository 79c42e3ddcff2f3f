// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// options hold sizes and folders. A scenario replaces a size of 0 by one that ends in
// minutes, or with full by the design's.
type options struct {
	scenarios   string
	full        bool
	out         string
	folder      string // of this run, in out
	committed   string
	readme      string
	update      bool
	clusters    int
	bundles     int
	gitRepos    int
	perRepo     int
	edits       int
	agents      int
	watches     int
	deployments int
	count       int
}

func parse(args []string) (*options, []*scenario, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var names, more []string
	for _, s := range scenarios {
		if s.named {
			more = append(more, s.name)
		} else {
			names = append(names, s.name)
		}
	}
	flags.StringVar(&o.scenarios, "scenarios", strings.Join(names, ","), "scenarios to run; these run only if they are named: "+strings.Join(more, ", "))
	flags.BoolVar(&o.full, "full", false, "the sizes of the design: a million BundleDeployments, 10,000 agents; about 25 minutes")
	flags.StringVar(&o.out, "out", "results", "the `folder` that gets a folder for the run")
	flags.StringVar(&o.committed, "committed", "test/e2e/bench/committed", "the `folder` of the report to compare with; with --full, the folder full in it")
	flags.StringVar(&o.readme, "readme", "README.md", "with --update, the `page` that shows rows of the committed reports")
	flags.BoolVar(&o.update, "update", false, "run nothing: copy the newest report of --out over the committed one")
	flags.IntVar(&o.gitRepos, "gitrepos", 300, "label-change: GitRepos of the original fleet")
	flags.IntVar(&o.perRepo, "bundles-per-repo", 10, "label-change: Bundles of each GitRepo")
	flags.IntVar(&o.clusters, "clusters", 3, "label-change: Clusters of the original fleet")
	flags.IntVar(&o.edits, "edits", 100, "label-change, neighbours: how often to label, and to unlabel")
	flags.IntVar(&o.deployments, "deployments", 100_000, "label-change, scale, memory, restart, list, informers: BundleDeployments of the largest fleet; with --full 1,000,000")
	flags.IntVar(&o.agents, "agents", 0, "fanout, restart, reports, neighbours, sizing: agents, each of the namespace of one Cluster (default 200, 200, 100, 20 and 500; with --full 10,000, 200, 500, 100 and 500)")
	flags.IntVar(&o.watches, "watches", 0, "fanout, neighbours: further watches of all namespaces, never read in the latter (default 20 and 300; with --full 100 and 5,000)")
	flags.IntVar(&o.bundles, "bundles", 0, "fanout, reports, neighbours, sizing: Bundles on each Cluster (default 20, sizing 200; with --full fanout 2, neighbours 50)")
	flags.IntVar(&o.count, "count", 1, "index: how often each microbenchmark runs")
	if err := flags.Parse(args); err != nil {
		return nil, nil, err
	}
	if flags.NArg() > 0 {
		return nil, nil, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if o.full && !given["deployments"] {
		o.deployments = 1_000_000
	}
	for name, n := range map[string]int{"gitrepos": o.gitRepos, "bundles-per-repo": o.perRepo, "clusters": o.clusters, "edits": o.edits, "agents": o.agents, "watches": o.watches, "bundles": o.bundles, "count": o.count} {
		if n < 1 && (n < 0 || given[name]) {
			return nil, nil, fmt.Errorf("--%s must be at least 1", name)
		}
	}
	if o.deployments < 1000 {
		return nil, nil, fmt.Errorf("--deployments must be at least 1000")
	}
	chosen, err := choose(o.scenarios)
	return o, chosen, err
}

// size returns the requested size, otherwise one of two sizes.
func (o *options) size(asked, small, full int) int {
	switch {
	case asked > 0:
		return asked
	case o.full:
		return full
	}
	return small
}

// baseline returns the folder of the committed report with a run's size, because numbers at
// different sizes cannot be compared.
func (o *options) baseline(full bool) string {
	if full {
		return filepath.Join(o.committed, "full")
	}
	return o.committed
}

func choose(list string) ([]*scenario, error) {
	var chosen []*scenario
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("scenario %q does not exist", name)
		}
		chosen = append(chosen, scenarios[i])
	}
	return chosen, nil
}
