// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command labelchange measures what a label edit costs, end to end through the
// API: the case that made people look for something else than Fleet's
// controllers (300 GitRepos of 10 Bundles, three Clusters, and one Bundle that
// waits for a label), or another size.
//
// It starts bin/muster on a free port with a temporary data directory, loads the
// fleet, labels and unlabels one Cluster many times with watches open, and prints
// a Markdown report. What it compares it measures in the same run on the same
// edits: the time to the BundleDeployment's watch event against the time to the
// Cluster's own, because absolute times differ from machine to machine.
//
// Exactly one event per edit and key, the right answer to the first GET, no event
// for what is not affected: where one of these fails, the report says how often and
// the exit code is 1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	server     string
	kubeconfig string
	timeout    time.Duration
	fleet      fleet
	edits      int
}

func main() {
	var o options
	flag.StringVar(&o.server, "server", "bin/muster", "the server to start on a free port with a temporary data directory")
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "measure the server that this file names instead of starting one; it must hold no Bundles yet, and what is loaded stays in it")
	flag.DurationVar(&o.timeout, "timeout", 15*time.Minute, "give up after this long")
	flag.IntVar(&o.fleet.gitRepos, "gitrepos", 300, "GitRepos to load")
	flag.IntVar(&o.fleet.bundlesPerRepo, "bundles-per-repo", 10, "Bundles of each GitRepo; each targets all Clusters")
	flag.IntVar(&o.fleet.clusters, "clusters", 3, "Clusters to load")
	flag.IntVar(&o.edits, "edits", 100, "how often to label, and to unlabel, a Cluster")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "labelchange:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	switch {
	case o.fleet.gitRepos < 0 || o.fleet.bundlesPerRepo < 0:
		return errors.New("--gitrepos and --bundles-per-repo may not be negative")
	case o.fleet.clusters < 1:
		return errors.New("--clusters must be at least 1: one of them is labelled")
	case o.edits < 1:
		return errors.New("--edits must be at least 1")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("gave up after --timeout=%s", o.timeout))
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
	}()

	r := report{options: o}
	kubeconfig := o.kubeconfig
	rss := func() string { return "not known: the server was not started here" }
	if kubeconfig == "" {
		progress("starting %s", o.server)
		s, startErr := startServer(ctx, o.server)
		if startErr != nil {
			return startErr
		}
		// err is run's result, which decides whether the server's log is shown.
		defer func() {
			if stopErr := s.stop(err != nil); err == nil {
				err = stopErr
			}
		}()
		kubeconfig, rss = s.kubeconfig, s.residentMemory
	}

	clients, err := newClients(kubeconfig)
	if err != nil {
		return err
	}
	if err := o.fleet.mustBeNew(ctx, clients); err != nil {
		return err
	}
	progress("loading %d GitRepos, %d Bundles, %d Clusters", o.fleet.gitRepos, o.fleet.bundles(), o.fleet.clusters)
	started := time.Now()
	if err := o.fleet.load(ctx, clients); err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	r.loadTime = time.Since(started)
	if r.deployments, err = o.fleet.check(ctx, clients); err != nil {
		return err
	}
	r.memoryLoaded = rss()

	progress("labelling and unlabelling a Cluster %d times", o.edits)
	if r.results, err = measure(ctx, clients, o); err != nil {
		return err
	}
	r.memoryAfter = rss()
	r.print(os.Stdout)
	return r.verdict()
}

// progress goes to standard error: standard output is the report.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "labelchange: "+format+"\n", args...)
}
