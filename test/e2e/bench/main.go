// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures Muster at the sizes of its design. In the same run it measures
// what Muster is compared with: a plain etcd, and the same objects as custom resources in a
// real kube-apiserver. make bench runs it from the root of a checkout. It leaves a report
// in a folder of its own below results: a page with plots, and the numbers as JSON. It says
// what became worse since the committed report.
//
//	main.go       a run
//	options.go    flags
//	scenarios.go  the scenarios, and their sizes
//	readme.go     the rows of the committed reports in README.md
//	machine.go    what the report says about the machine
//
// The exit code is 1 if a scenario broke off or got a wrong answer, never for a slow one: a
// reader of the report judges that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/test/e2e/bench/informers"
	"github.com/musterfleet/muster/test/e2e/bench/neighbours"
	"github.com/musterfleet/muster/test/e2e/bench/progress"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/cluster"
	crowd "github.com/musterfleet/muster/test/integration/neighbours"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	klog.SetLogger(klog.Logger{}) // some scenarios end watches on purpose
	var err error
	switch args := os.Args[1:]; {
	case slices.Equal(args, []string{neighbours.Crowd}):
		err = crowd.Serve(ctx, os.Stdin, os.Stdout)
	case slices.Equal(args, []string{informers.Client}):
		err = informers.Serve(ctx, os.Stdin, os.Stdout)
	default:
		err = run(ctx, args)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, chosen, err := parse(args)
	if err != nil {
		return err
	}
	if o.update {
		return update(o)
	}
	r := &report.Report{Machine: machine(), Commit: commit(), Command: strings.TrimSpace("make bench " + arguments(args)), Started: time.Now().UTC().Truncate(time.Second)}
	o.folder = filepath.Join(o.out, "bench-"+r.Started.Format("20060102T150405Z"))
	p := progress.New(os.Stderr, len(chosen)+1)
	if err := measure(ctx, o, chosen, r, p); err != nil {
		r.Scenarios = append(r.Scenarios, report.Scenario{Name: "site", Title: "what the scenarios share", Failed: err.Error()})
	}
	p.End()
	r.Seconds, r.Machine.LoadAfter = time.Since(r.Started).Seconds(), load()

	var comparison *report.Comparison
	old, err := report.Load(o.baseline(o.full))
	switch {
	case err == nil:
		comparison = report.Compare(old, r)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	page, err := r.Save(o.folder, comparison)
	if err != nil {
		return err
	}
	r.Markdown(os.Stdout, comparison)
	fmt.Fprintln(os.Stderr, "\nthe report with its plots:", page)
	if comparison != nil {
		fmt.Fprintln(os.Stderr, strings.Join(comparison.Summary(), "\n"))
	}
	if failures := r.Failures(); len(failures) > 0 {
		return errors.New(strings.Join(failures, "\nbench: "))
	}
	return nil
}

func arguments(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return fmt.Sprintf("ARGS=%q", strings.Join(args, " "))
}

// measure runs the scenarios. If one breaks off, the report says so, and the next one runs.
func measure(ctx context.Context, o *options, chosen []*scenario, r *report.Report, p *progress.Progress) error {
	one := func(t cluster.T, s *site.Site, c *scenario) {
		p.Task(c.name, c.steps)
		out := report.Scenario{Name: c.name}
		begun := time.Now()
		err := cluster.Within(t.Context(), c.name, p.Say, func(t cluster.T) error { return c.run(t, s, o, p.Step, &out) })
		out.Seconds = time.Since(begun).Seconds()
		if err != nil {
			out.Failed = err.Error()
			p.Say("%s is broken: %v", c.name, err)
		}
		r.Scenarios = append(r.Scenarios, out)
	}
	p.Task("site", 1)
	return cluster.Within(ctx, "the run", p.Say, func(t cluster.T) error {
		if slices.ContainsFunc(chosen, func(c *scenario) bool { return !c.alone }) {
			p.Step("starting kube-apiserver, etcd and Muster (the first time this builds them: a quarter of an hour)")
			err := cluster.Within(t.Context(), "the site", p.Say, func(t cluster.T) error {
				s, err := site.Start(t)
				if err != nil {
					return err
				}
				for _, c := range chosen {
					if !c.alone && ctx.Err() == nil {
						one(t, s, c)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		for _, c := range chosen {
			if c.alone && ctx.Err() == nil {
				one(t, nil, c)
			}
		}
		return ctx.Err()
	})
}

// update copies the newest report over the committed one, and its rows into the README.
func update(o *options) error {
	folders, err := filepath.Glob(filepath.Join(o.out, "bench-*"))
	if err != nil {
		return err
	}
	if len(folders) == 0 {
		return fmt.Errorf("%s has no report: run make bench first", o.out)
	}
	newest := slices.Max(folders) // their names are times
	r, err := report.Load(newest)
	if err != nil {
		return err
	}
	if failures := r.Failures(); len(failures) > 0 {
		return fmt.Errorf("%s is broken, so no run should be compared with it: %s", newest, strings.Join(failures, "; "))
	}
	baseline := o.baseline(strings.Contains(r.Command, "--full"))
	was, err := os.ReadFile(filepath.Join(baseline, "report.md"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := report.Replace(baseline, r); err != nil {
		return err
	}
	is, err := os.ReadFile(filepath.Join(baseline, "report.md"))
	if err != nil {
		return err
	}
	page, err := os.ReadFile(o.readme)
	if err != nil {
		return err
	}
	next, err := refresh(string(page), string(was), string(is))
	if err != nil {
		return fmt.Errorf("%s: %w", o.readme, err)
	}
	if err := os.WriteFile(o.readme, []byte(next), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "committed report:", newest, "→", baseline)
	return nil
}
