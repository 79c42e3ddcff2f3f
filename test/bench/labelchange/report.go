// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"time"
)

type report struct {
	options      options
	loadTime     time.Duration
	deployments  int
	memoryLoaded string
	memoryAfter  string
	results
}

// only returns the edits that put the label on, or those that took it off.
func (r *report) only(added bool) []edit {
	return slices.DeleteFunc(slices.Clone(r.edits), func(e edit) bool { return e.added != added })
}

func column(edits []edit, of func(edit) time.Duration) []time.Duration {
	values := make([]time.Duration, len(edits))
	for i, e := range edits {
		values[i] = of(e)
	}
	return values
}

func (r *report) rightFirstGets(added bool) (right, of int) {
	for _, e := range r.only(added) {
		of++
		if e.firstGetTrue {
			right++
		}
	}
	return right, of
}

func (r *report) strayEvents() int {
	sum := 0
	for _, n := range r.strays {
		sum += n
	}
	return sum
}

func (r *report) print(w io.Writer) {
	f := r.options.fleet
	fmt.Fprintf(w, "## Label edits: %d GitRepos x %d Bundles, %d Clusters, %d BundleDeployments\n\n", f.gitRepos, f.bundlesPerRepo, f.clusters, r.deployments)
	fmt.Fprintf(w, "%d times label and unlabel one Cluster; %s/%s, %s, %d CPUs; milliseconds from sending the PATCH.\n\n",
		r.options.edits, runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.NumCPU())

	fmt.Fprintln(w, "| edit | until | median | p90 | p99 |")
	fmt.Fprintln(w, "|---|---|---:|---:|---:|")
	for _, added := range []bool{true, false} {
		name, kind := "label", "ADDED"
		if !added {
			name, kind = "unlabel", "DELETED"
		}
		edits := r.only(added)
		row := func(until string, values []time.Duration) time.Duration {
			median := percentile(values, 50)
			fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", name, until, milliseconds(median), milliseconds(percentile(values, 90)), milliseconds(percentile(values, 99)))
			return median
		}
		row("PATCH answered", column(edits, func(e edit) time.Duration { return e.answered }))
		own := row("Cluster MODIFIED on its watch", column(edits, func(e edit) time.Duration { return e.cluster }))
		follows := row("BundleDeployment "+kind+" on its watch", column(edits, func(e edit) time.Duration { return e.deployment }))
		if own > 0 {
			fmt.Fprintf(w, "| %s | **ratio of the two medians** | **%.2f** | | |\n", name, float64(follows)/float64(own))
		}
	}

	fmt.Fprintln(w, "\n| what | measured | should be |")
	fmt.Fprintln(w, "|---|---:|---:|")
	right, of := r.rightFirstGets(true)
	fmt.Fprintf(w, "| first GET after labelling finds the BundleDeployment | %d of %d | all |\n", right, of)
	right, of = r.rightFirstGets(false)
	fmt.Fprintf(w, "| first GET after unlabelling answers 404 | %d of %d | all |\n", right, of)
	fmt.Fprintf(w, "| etcd writes for an edit | %s | 1 |\n", r.writes())
	fmt.Fprintf(w, "| events for what no edit affects | %d | 0 |\n", r.strayEvents())
	fmt.Fprintf(w, "| events repeated at the revision that a watch was opened at | %d | allowed |\n", r.repeats)
	fmt.Fprintf(w, "| time to load, %d requests at once | %.1f s | |\n", writers, r.loadTime.Seconds())
	fmt.Fprintf(w, "| server's resident memory, loaded / after the edits | %s / %s | |\n", r.memoryLoaded, r.memoryAfter)
	for i, what := range slices.Sorted(maps.Keys(r.strays)) {
		if i == 10 {
			fmt.Fprintf(w, "\n... and %d other kinds of stray events", len(r.strays)-i)
			break
		}
		fmt.Fprintf(w, "\nstray: %d x %s", r.strays[what], what)
	}
	fmt.Fprintln(w)
}

// writes is one number where all edits agree, and the range where they do not.
func (r *report) writes() string {
	if len(r.edits) == 0 {
		return "none measured"
	}
	by := func(a, b edit) int { return int(a.writes - b.writes) }
	low, high := slices.MinFunc(r.edits, by).writes, slices.MaxFunc(r.edits, by).writes
	if low == high {
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d to %d", low, high)
}

// verdict fails on wrong answers, never on slow ones: whoever reads the report
// judges those.
func (r *report) verdict() error {
	var wrong []error
	for _, added := range []bool{true, false} {
		if right, of := r.rightFirstGets(added); right != of {
			wrong = append(wrong, fmt.Errorf("%d first GETs were wrong", of-right))
		}
	}
	if n := r.strayEvents(); n > 0 {
		wrong = append(wrong, fmt.Errorf("%d events came for what no edit affects, or twice", n))
	}
	return errors.Join(wrong...)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000)
}
