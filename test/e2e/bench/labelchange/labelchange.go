// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package labelchange measures the cost of a label edit, end to end through the API. It
// measures the case for which Muster was made (300 GitRepos of 10 Bundles, three Clusters,
// and one Bundle that waits for a label), and the same with many more BundleDeployments.
//
// One Cluster is labelled and unlabelled many times with open watches. Each comparison is
// made on the same edits, or between them: the BundleDeployment's event with the Cluster's
// own, with a plain etcd write and its watch event, and with the same edit of a custom
// resource in kube-apiserver.
//
// Each edit and key must have exactly one event, the first GET must be right, and
// unaffected objects must have no event. Otherwise the scenario is broken.
package labelchange

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
)

// Size is one fleet to measure, and the goal for it.
type Size struct {
	Fleet fleets.Fleet
	Edits int
	Goal  string
	// AtSize says that the fleet has the size of the goal.
	AtSize bool
}

// edit holds one label PATCH with its consequences, and the two yardsticks after it. Times
// count from sending.
type edit struct {
	added         bool // the label was added, not removed
	answered      time.Duration
	cluster       time.Duration
	deployment    time.Duration
	firstGetRight bool
	writes        int64 // etcd revisions
	etcd          time.Duration
	custom        time.Duration
}

// results hold the measurements of all edits of one fleet.
type results struct {
	edits  []edit
	strays map[string]int
	// rendered is the number of BundleDeployments that the server built, and seen the
	// number of those that arrived here, in an answer or an event.
	rendered, seen int
	start          time.Duration
	memory         int64
}

// Run measures all sizes.
func Run(ctx context.Context, s *site.Site, step func(string, ...any), sizes []Size, out *report.Scenario) error {
	out.Title = "from the label PATCH to the BundleDeployment"
	out.Text = []string{
		"One Cluster gets the label `foo=bar`, which one Bundle waits for, and loses it again. Times are in milliseconds from sending the PATCH until the last byte of what is waited for is here. The yardsticks alternate with the edits: a put of as many bytes into Muster's etcd and its watch event, and the same label PATCH of a custom resource in kube-apiserver and its watch event.",
		"Muster is one `muster-apiserver`, asked straight, without the aggregation layer.",
	}
	beside, err := newYardsticks(ctx, s)
	if err != nil {
		return err
	}
	var wrong []error
	for _, size := range sizes {
		step("%s: writing the fleet and starting", size.Fleet.Name)
		start, err := s.Fill(ctx, size.Fleet)
		if err != nil {
			return err
		}
		step("%s: labelling and unlabelling %d times", size.Fleet.Name, size.Edits)
		r, err := measure(ctx, s, beside, size.Edits)
		if err != nil {
			return err
		}
		r.start = start
		if r.memory, err = s.Replica.Process.Resident(); err != nil {
			return err
		}
		r.show(size, out)
		wrong = append(wrong, r.verdict(size.Fleet.Name))
	}
	return errors.Join(wrong...)
}

func (r *results) only(added bool) []edit {
	return slices.DeleteFunc(slices.Clone(r.edits), func(e edit) bool { return e.added != added })
}

func (r *results) rightFirstGets() (right int) {
	for _, e := range r.edits {
		if e.firstGetRight {
			right++
		}
	}
	return right
}

func (r *results) strayEvents() (sum int) {
	for _, n := range r.strays {
		sum += n
	}
	return sum
}

func (r *results) mostWrites() (most int64) {
	for _, e := range r.edits {
		most = max(most, e.writes)
	}
	return most
}

func (r *results) show(size Size, out *report.Scenario) {
	name := size.Fleet.Name
	table := report.Table{
		Title:   fmt.Sprintf("**%s**: %d BundleDeployments, %d times label and unlabel.", name, size.Fleet.Deployments, len(r.edits)/2),
		Columns: []string{"until", "label, median", "p90", "p99", "unlabel, median", "p90", "p99"},
	}
	for _, until := range []struct {
		name string
		of   func(edit) time.Duration
	}{
		{"the PATCH is answered", func(e edit) time.Duration { return e.answered }},
		{"the Cluster's own event", func(e edit) time.Duration { return e.cluster }},
		{"**the BundleDeployment's event**", func(e edit) time.Duration { return e.deployment }},
		{"yardstick: a plain etcd put's watch event", func(e edit) time.Duration { return e.etcd }},
		{"yardstick: a custom resource's own event", func(e edit) time.Duration { return e.custom }},
	} {
		row := []string{until.name}
		for _, added := range []bool{true, false} {
			values := stats.Column(r.only(added), until.of)
			row = append(row, stats.MS(stats.Median(values)), stats.MS(stats.Percentile(values, 90)), stats.MS(stats.Percentile(values, 99)))
		}
		table.Rows = append(table.Rows, row)
	}
	out.Tables = append(out.Tables, table)

	ratios := report.Table{Columns: []string{"the BundleDeployment's event: times", "label", "unlabel"}}
	for _, yardstick := range []struct {
		name, goal string
		of         func(edit) time.Duration
	}{
		{"the Cluster's own event", size.Goal, func(e edit) time.Duration { return e.cluster }},
		{"a plain etcd put's watch event", "", func(e edit) time.Duration { return e.etcd }},
		{"a custom resource's own event", "", func(e edit) time.Duration { return e.custom }},
	} {
		row := []string{yardstick.name}
		for _, added := range []bool{true, false} {
			edits := r.only(added)
			ratio := stats.Ratio(stats.Median(stats.Column(edits, func(e edit) time.Duration { return e.deployment })), stats.Median(stats.Column(edits, yardstick.of)))
			row = append(row, stats.Times(ratio))
			out.Add(report.Number{Name: fmt.Sprintf("%s: %s: event against %s", name, action(added), yardstick.name), Value: ratio, Kind: report.Ratio, Goal: yardstick.goal, At: report.At(name, size.AtSize)})
		}
		ratios.Rows = append(ratios.Rows, row)
	}
	out.Tables = append(out.Tables, ratios)

	facts := report.Table{Columns: []string{"what must hold", "measured"}, Rows: [][]string{
		{"the first GET after the answer is right", fmt.Sprintf("%d of %d", r.rightFirstGets(), len(r.edits))},
		{"etcd writes for one edit, at most", fmt.Sprint(r.mostWrites())},
		{"events for what no edit affects, or twice", fmt.Sprint(r.strayEvents())},
		{"BundleDeployments that were rendered, of which came here in an answer or an event", fmt.Sprintf("%d, %d", r.rendered, r.seen)},
	}}
	for i, what := range slices.Sorted(maps.Keys(r.strays)) {
		if i == 10 {
			break // the sum is above
		}
		facts.Rows = append(facts.Rows, []string{"stray: " + what, fmt.Sprint(r.strays[what])})
	}
	out.Tables = append(out.Tables, facts)
	deployment := func(e edit) time.Duration { return e.deployment }
	out.Add(
		report.Number{Name: name + ": first GETs that are right", Value: 100 * stats.Ratio(float64(r.rightFirstGets()), float64(len(r.edits))), Unit: "%", Kind: report.Count, MoreIsBetter: true, Goal: "first-get"},
		report.Number{Name: name + ": etcd writes for an edit", Value: float64(r.mostWrites()), Kind: report.Count, Goal: "writes"},
		report.Number{Name: name + ": events for what is not affected", Value: float64(r.strayEvents()), Kind: report.Count, Goal: "unaffected-events"},
		report.Number{Name: name + ": BundleDeployments rendered that nobody was sent", Value: float64(r.rendered - r.seen), Kind: report.Count, Goal: "unaffected-renders"},
		report.Number{Name: name + ": label to event, median", Value: stats.Milliseconds(stats.Median(stats.Column(r.only(true), deployment))), Unit: "ms", Kind: report.Absolute},
		report.Number{Name: name + ": label to event, p99", Value: stats.Milliseconds(stats.Percentile(stats.Column(r.only(true), deployment), 99)), Unit: "ms", Kind: report.Absolute},
	)
	out.Text = append(out.Text, fmt.Sprintf("%s: started with the fleet in etcd in %.1f s; %.0f MiB resident after the edits.", name, r.start.Seconds(), site.MiB(r.memory)))
}

func action(added bool) string {
	if added {
		return "label"
	}
	return "unlabel"
}

// verdict returns an error for wrong answers, never for slow ones, which a reader of the
// report judges.
func (r *results) verdict(name string) error {
	var wrong []error
	if n := len(r.edits) - r.rightFirstGets(); n > 0 {
		wrong = append(wrong, fmt.Errorf("%s: %d first GETs were wrong", name, n))
	}
	if n := r.strayEvents(); n > 0 {
		wrong = append(wrong, fmt.Errorf("%s: %d events came for what no edit affects, or twice", name, n))
	}
	return errors.Join(wrong...)
}
