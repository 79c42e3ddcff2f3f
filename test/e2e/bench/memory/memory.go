// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package memory measures the memory of a replica and its purposes: with a fleet after a
// start, with the same fleet when the history is full, and with fleets whose agents have
// reported on all BundleDeployments.
//
//	memory.go    the scenario
//	history.go   the memory of a full history
//	reported.go  the memory of reports
//	heap.go      the purposes of the heap
//
// History is filled in three ways, one after the other, because the size of a revision
// depends on what it changes. Each way continues until the history has forgotten the first
// of its own edits: then it is full, and holds nothing else.
package memory

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/heap"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
)

// Options set the sizes.
type Options struct {
	// Fleet is the fleet whose history is filled. Reported are fleets with reports of their
	// agents, all made by fleets.All.
	Fleet    fleets.Fleet
	Reported []fleets.Fleet
	// Million says that Fleet is the design's.
	Million bool
	// Folder gets the profiles.
	Folder string
}

// weighing holds the memory of a replica in one situation.
type weighing struct {
	name   string
	memory site.Memory
	// history holds the size of the history, as the server reports it.
	history history
	edits   int
	took    time.Duration
}

// Run measures all of it.
func Run(ctx context.Context, s *site.Site, step func(string, ...any), o Options, out *report.Scenario) error {
	out.Title = "memory, and what holds it"
	out.Text = []string{
		fmt.Sprintf("%s: %d BundleDeployments. *Resident* is what the system says at the end of each row's edits, before a collection is forced, and *peak* the most while they were made; *in use* is heap and stacks after a collection. The history's bounds are the server's defaults: 100,000 revisions, 500,000 changes, ten minutes, and 256 MiB by the server's own estimate (`--history-memory`).", o.Fleet.Name, o.Fleet.Deployments),
	}
	step("%s: writing the fleet and starting", o.Fleet.Name)
	began := time.Now()
	if _, err := s.Fill(ctx, o.Fleet); err != nil {
		return err
	}
	all := []*weighing{{name: "after a start"}}
	if err := all[0].weigh(ctx, s, o.Folder); err != nil {
		return err
	}
	all[0].took = time.Since(began)
	filled, err := fillAll(ctx, s, step, o, out)
	if err != nil {
		return err
	}
	all = append(all, filled...)
	showHistory(all, o, out)
	if err := showHeap("**What holds the heap**, and what each way of filling the history adds to it", all, o.Fleet.Deployments, out); err != nil {
		return err
	}
	return reported(ctx, s, step, o, out)
}

// weigh weighs the replica, and keeps the profile.
func (w *weighing) weigh(ctx context.Context, s *site.Site, folder string) (err error) {
	// The view that is weighed has everything that was written.
	if _, err := site.Revision(ctx, s.Client); err != nil {
		return err
	}
	if w.memory, err = site.Weigh(ctx, s.Client, s.Replica.Process); err != nil {
		return err
	}
	if w.history, err = held(ctx, s); err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, heap.File(w.name)), w.memory.Profile, 0o644)
}

func showHistory(all []*weighing, o Options, out *report.Scenario) {
	table := report.Table{Title: "**With history full**", Columns: []string{"", "edits", "s", "resident, MiB", "peak, MiB", "in use, MiB", "history: revisions", "changes", "MiB, the server's estimate", "MiB in use above the start"}}
	start := all[0]
	for i, w := range all {
		row := []string{w.name, fmt.Sprint(w.edits), fmt.Sprintf("%.0f", w.took.Seconds())}
		for _, bytes := range []int64{w.memory.Resident, w.memory.Peak, w.memory.Used} {
			row = append(row, whole(bytes))
		}
		row = append(row, fmt.Sprint(w.history.revisions), fmt.Sprint(w.history.changes), whole(w.history.bytes))
		if i == 0 {
			row = append(row, "–")
		} else {
			row = append(row, whole(w.memory.Used-start.memory.Used))
		}
		table.Rows = append(table.Rows, row)
		name := fmt.Sprintf("%d BundleDeployments, %s", o.Fleet.Deployments, w.name)
		out.Add(
			report.Number{Name: name + ": resident", Value: site.MiB(w.memory.Resident), Unit: "MiB", Kind: report.Absolute, Goal: "memory-million", At: report.At(o.Fleet.Name, o.Million)},
			report.Number{Name: name + ": peak", Value: site.MiB(w.memory.Peak), Unit: "MiB", Kind: report.Absolute},
			report.Number{Name: name + ": in use", Value: site.MiB(w.memory.Used), Unit: "MiB", Kind: report.Absolute},
		)
	}
	out.Tables = append(out.Tables, table)
}

func whole(bytes int64) string { return fmt.Sprintf("%.0f", site.MiB(bytes)) }
