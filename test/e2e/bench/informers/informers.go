// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package informers measures what an informer of all BundleDeployments costs its program:
// Fleet's gitjob, helmops and agentmanagement each have one (docs/fleet.md).
//
//	informers.go  the scenario
//	client.go     the program with the informer, in a process of its own
package informers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/memory"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
)

// Run measures an informer of each of the fleets, whose BundleDeployments are all reported.
func Run(ctx context.Context, s *site.Site, step func(string, ...any), all []fleets.Fleet, out *report.Scenario) error {
	out.Title = "an informer of all BundleDeployments"
	out.Text = []string{"A process of its own has one informer of all BundleDeployments, with client-go's defaults and Fleet's types decoded from JSON, and nothing else. Every BundleDeployment is reported (three objects, all ready). *Synced* is the time from the start of the informer until it has them all. *In use* is the heap after a collection, *peak* the most that the system counted as resident. The informer connects to the replica directly."}
	table := report.Table{Columns: []string{"fleet", "BundleDeployments", "synced, s", "in use, MiB", "peak, MiB", "KiB in use a BundleDeployment", "processor time of the replica, s"}}
	for _, f := range all {
		row, err := one(ctx, s, step, f, out)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		table.Rows = append(table.Rows, row)
	}
	out.Tables = append(out.Tables, table)
	out.NotMeasured = append(out.NotMeasured, "Fleet's programs themselves, which decode each object into the same fields, keep informers of other kinds too, and may strip managedFields")
	return nil
}

func one(ctx context.Context, s *site.Site, step func(string, ...any), f fleets.Fleet, out *report.Scenario) ([]string, error) {
	step("%s: writing the fleet and its reports, and starting", f.Name)
	if _, err := s.Fill(ctx, f); err != nil {
		return nil, err
	}
	reporter, err := memory.NewReporter(ctx, s, f)
	if err != nil {
		return nil, err
	}
	s.Stop()
	if _, err := reporter.StoreAll(ctx, s.Log(), f.Bundles, f.Clusters); err != nil {
		return nil, err
	}
	if err := s.Compact(ctx); err != nil {
		return nil, err
	}
	if _, err := s.Begin(); err != nil {
		return nil, err
	}
	before, err := s.Replica.Process.ProcessorTime()
	if err != nil {
		return nil, err
	}
	step("%s: syncing an informer", f.Name)
	got, peak, err := inform(ctx, question{Host: s.Config.Host, TLS: s.Config.TLSClientConfig, Token: s.Config.BearerToken, Objects: f.Deployments})
	if err != nil {
		return nil, err
	}
	after, err := s.Replica.Process.ProcessorTime()
	if err != nil {
		return nil, err
	}
	each := float64(got.Used) / 1024 / float64(f.Deployments)
	name := fmt.Sprintf("%d BundleDeployments: ", f.Deployments)
	out.Add(
		report.Number{Name: name + "synced", Value: got.Synced.Seconds(), Unit: "s", Kind: report.Absolute},
		report.Number{Name: name + "in use", Value: site.MiB(got.Used), Unit: "MiB", Kind: report.Absolute},
		report.Number{Name: name + "peak", Value: site.MiB(peak), Unit: "MiB", Kind: report.Absolute},
		report.Number{Name: name + "in use for each", Value: each, Unit: "KiB", Kind: report.Absolute},
	)
	return []string{
		f.Name, fmt.Sprint(f.Deployments), fmt.Sprintf("%.1f", got.Synced.Seconds()),
		fmt.Sprintf("%.0f", site.MiB(got.Used)), fmt.Sprintf("%.0f", site.MiB(peak)), fmt.Sprintf("%.1f", each), fmt.Sprintf("%.1f", (after - before).Seconds()),
	}, nil
}

// inform runs the program with the informer. It also returns the most resident memory of the
// process, in bytes.
func inform(ctx context.Context, q question) (a answer, peak int64, err error) {
	program, err := os.Executable()
	if err != nil {
		return a, 0, err
	}
	in, err := json.Marshal(q)
	if err != nil {
		return a, 0, err
	}
	var failure bytes.Buffer
	command := exec.CommandContext(ctx, program, Client)
	command.Stdin, command.Stderr = bytes.NewReader(in), &failure
	text, err := command.Output()
	if err != nil {
		return a, 0, errors.Join(fmt.Errorf("the process with the informer: %w", err), errors.New(failure.String()))
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return a, 0, errors.New("the system does not show the memory of a process that ended")
	}
	return a, usage.Maxrss << 10, json.Unmarshal(text, &a)
}
