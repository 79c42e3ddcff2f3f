// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package neighbours measures a label edit of one tenant while others do the worst that
// they may (test/integration/neighbours), and compares it with the same edit alone, in one
// run.
package neighbours

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
	"github.com/musterfleet/muster/test/integration/neighbours"
)

// Options set the sizes.
type Options struct {
	// Beside is a further fleet that is listed.
	Beside fleets.Fleet
	// Bundles and Clusters count those of the loud tenant, Resources the entries of a long
	// report, Templates those of its costly Bundle, Stuck the watches that are never read,
	// and Loops the requests of each kind that the crowd has in flight.
	Bundles, Clusters, Resources, Templates, Stuck, Loops, Edits int
}

// group contains all users of the scenario. They may do everything, and are limited like
// others; system:masters is not limited.
const group = "bench-neighbours"

// Run measures.
func Run(ctx context.Context, s *site.Site, step func(string, ...any), o Options, out *report.Scenario) error {
	out.Title = "beside the worst neighbours"
	out.Text = []string{fmt.Sprintf("One tenant labels a Cluster, which one Bundle waits for, and unlabels it, %d times each: first alone, then while others do the worst within their rights, with %d requests of each kind under way: an agent reports, with %d and with 3 resources; a tenant with %d Bundles on %d Clusters writes costly Bundles (%d templates that compute, and 200 selectors that nothing narrows) and labels its Clusters; a reader lists everything as indented JSON, YAML and a table, beside %s, and holds %d watches that it never reads; a client registers. Each is a user of its own. The crowd is a process of its own with the lowest priority, on the same processors as the servers.", o.Edits, o.Loops, o.Resources, o.Bundles, o.Clusters, o.Templates, o.Beside.Name, o.Stuck)}
	crowd := neighbours.Options{
		Groups: []string{group, "system:authenticated"}, Bundles: o.Bundles, Clusters: o.Clusters,
		Resources: o.Resources, Templates: o.Templates, Stuck: o.Stuck, Loops: o.Loops, Edits: o.Edits, Step: step,
	}
	if err := allow(ctx, s, crowd.Namespaces()); err != nil {
		return err
	}
	step("%s: writing the fleet and starting", o.Beside.Name)
	if _, err := s.Fill(ctx, o.Beside); err != nil {
		return err
	}
	before, err := s.Replica.Process.Resident()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	// The crowd has a priority that lets servers compute first.
	crowd.Config, crowd.Command = s.Config, []string{"nice", "-n", "19", program, Crowd}
	r, err := neighbours.Run(ctx, crowd)
	if err != nil {
		return err
	}
	peak, err := s.Replica.Process.Peak()
	if err != nil {
		return err
	}
	show(r, before, peak, out)
	return wrong(r)
}

// Crowd is the argument that makes the benchmark's program the crowd.
const Crowd = "crowd"

func allow(ctx context.Context, s *site.Site, namespaces []string) error {
	for _, name := range namespaces {
		if _, err := s.Control.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	bindings := s.Control.Client.RbacV1().ClusterRoleBindings()
	_, err := bindings.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: group},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}},
	}, metav1.CreateOptions{})
	return err
}

func show(r *neighbours.Result, before, peak int64, out *report.Scenario) {
	table := report.Table{Title: "**A label edit**, in milliseconds from sending the PATCH", Columns: []string{"until", "alone, median", "p90", "in the crowd, median", "p90", "in the crowd / alone"}}
	for _, until := range []struct {
		name, goal string
		of         func(neighbours.Edit) time.Duration
	}{
		{"the BundleDeployment's event", "neighbours", func(e neighbours.Edit) time.Duration { return e.Event }},
		{"the answer to the GET that follows", "", func(e neighbours.Edit) time.Duration { return e.Read }},
	} {
		alone, crowded := neighbours.Median(r.Alone, until.of), neighbours.Median(r.Crowded, until.of)
		ratio := stats.Ratio(crowded, alone)
		table.Rows = append(table.Rows, []string{
			until.name, stats.MS(alone), stats.MS(neighbours.Late(r.Alone, until.of)), stats.MS(crowded), stats.MS(neighbours.Late(r.Crowded, until.of)), stats.Times(ratio),
		})
		out.Add(
			report.Number{Name: until.name + ": in the crowd, against alone", Value: ratio, Kind: report.Ratio, Goal: until.goal},
			report.Number{Name: until.name + ": in the crowd, median", Value: stats.Milliseconds(crowded), Unit: "ms", Kind: report.Absolute},
		)
	}
	edits := len(r.Alone) + len(r.Crowded)
	right := neighbours.Right(r.Alone) + neighbours.Right(r.Crowded)
	facts := report.Table{Columns: []string{"what must hold", "measured"}, Rows: [][]string{
		{"the first GET after the answer is right", fmt.Sprintf("%d of %d", right, edits)},
		{"/readyz is true", fmt.Sprintf("%d of %d", r.Probes-r.Unready, r.Probes)},
		{"the tenant's watch is ended", "never"},
		{"resident memory of the server, MiB: before, and the most", fmt.Sprintf("%.0f, %.0f", site.MiB(before), site.MiB(peak))},
	}}
	crowd := report.Table{Title: "**What the crowd was answered**", Columns: []string{"request", "answers by code"}}
	for _, what := range slices.Sorted(maps.Keys(r.Crowd)) {
		crowd.Rows = append(crowd.Rows, []string{what, codes(r.Crowd[what])})
	}
	out.Tables = append(out.Tables, table, facts, crowd)
	out.Add(
		report.Number{Name: "first GETs that are right", Value: 100 * float64(right) / float64(edits), Unit: "%", Kind: report.Count, MoreIsBetter: true, Goal: "first-get"},
		report.Number{Name: "probes of /readyz that failed", Value: float64(r.Unready), Kind: report.Count, Goal: "neighbours-ready"},
		report.Number{Name: "resident memory of the server, the most", Value: site.MiB(peak), Unit: "MiB", Kind: report.Absolute},
	)
}

// codes returns answers as text; code 0 means none.
func codes(answers map[int]int) (text string) {
	for _, code := range slices.Sorted(maps.Keys(answers)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d: %d", code, answers[code])
	}
	return text
}

// wrong returns errors for answers that may not occur, however slow the machine is.
func wrong(r *neighbours.Result) error {
	var all []error
	for _, edits := range [][]neighbours.Edit{r.Alone, r.Crowded} {
		if n := len(edits) - neighbours.Right(edits); n > 0 {
			all = append(all, fmt.Errorf("%d first GETs were wrong", n))
		}
	}
	if r.Unready > 0 {
		all = append(all, fmt.Errorf("%d of %d probes of /readyz failed: %s", r.Unready, r.Probes, r.Why))
	}
	return errors.Join(all...)
}
