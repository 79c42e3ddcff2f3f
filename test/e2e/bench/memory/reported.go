// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/bench/stats"
)

// NewReporter reads from a server what agents have to report, and sends one report to see
// what a request leaves in a record.
func NewReporter(ctx context.Context, s *site.Site, f fleets.Fleet) (*fleets.Reporter, error) {
	// A templated Bundle's content on a Cluster depends on the Cluster's region.
	ids := make([]map[string]string, min(fleets.Regions, f.Clusters)) // by name, for each region
	for cluster := range ids {
		text, err := site.Answer(ctx, s.Client.Get().AbsPath(site.Path(site.Deployments, fleets.Home(cluster))))
		if err != nil {
			return nil, err
		}
		var list v1alpha1.BundleDeploymentList
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, err
		}
		ids[cluster] = map[string]string{}
		for i := range list.Items {
			ids[cluster][list.Items[i].Name] = list.Items[i].Spec.DeploymentID
		}
	}
	r := &fleets.Reporter{DeploymentID: func(p fleets.Pair) string {
		return ids[p.Cluster%len(ids)][fleets.BundleName(p.Bundle)]
	}}
	first := fleets.Pair{}
	patch, err := json.Marshal(map[string]any{"status": r.Status(first, true)})
	if err != nil {
		return nil, err
	}
	name := first.Name()
	if _, err := site.Patch(ctx, s.Client, site.Path(site.Deployments, name.Namespace, name.Name, "status"), string(patch)); err != nil {
		return nil, err
	}
	value, err := s.Record(ctx, record.ReportKey(record.BundleDeployments, name))
	if err != nil {
		return nil, err
	}
	left, err := record.DecodeReport(record.BundleDeployments, value)
	if err != nil {
		return nil, err
	}
	r.ManagedFields = left.ManagedFields
	return r, nil
}

func reported(ctx context.Context, s *site.Site, step func(string, ...any), o Options, out *report.Scenario) error {
	table := report.Table{
		Title:   "**With a report on every BundleDeployment**, three objects each, all ready; written straight into etcd, then the replica is started",
		Columns: []string{"fleet", "BundleDeployments", "bytes a report in etcd, without its key", "written in, s", "ready, s", "ready without, s", "resident, MiB", "peak, MiB", "in use, MiB", "in use without, MiB", "bytes in use a report"},
	}
	var last *weighing
	for _, f := range o.Reported {
		w, row, err := reportedOne(ctx, s, step, f, o, out)
		if err != nil {
			return fmt.Errorf("%s, reported: %w", f.Name, err)
		}
		table.Rows, last = append(table.Rows, row), w
	}
	out.Tables = append(out.Tables, table)
	if last == nil {
		return nil
	}
	largest := o.Reported[len(o.Reported)-1]
	return showHeap(fmt.Sprintf("**What holds the heap of the reported fleet** of %s", largest.Name), []*weighing{last}, largest.Deployments, out)
}

func reportedOne(ctx context.Context, s *site.Site, step func(string, ...any), f fleets.Fleet, o Options, out *report.Scenario) (*weighing, []string, error) {
	step("%s: writing the fleet and starting", f.Name)
	plain, err := s.Fill(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	without, err := site.Weigh(ctx, s.Client, s.Replica.Process)
	if err != nil {
		return nil, nil, err
	}
	reporter, err := NewReporter(ctx, s, f)
	if err != nil {
		return nil, nil, err
	}
	step("%s: writing %d reports", f.Name, f.Deployments)
	s.Stop()
	begun := time.Now()
	bytes, err := reporter.StoreAll(ctx, s.Log(), f.Bundles, f.Clusters)
	if err != nil {
		return nil, nil, err
	}
	written := time.Since(begun)
	if err := s.Compact(ctx); err != nil {
		return nil, nil, err
	}
	keys, err := s.Count(ctx, "report/"+record.BundleDeployments+"/")
	if err != nil {
		return nil, nil, err
	}
	if keys != f.Deployments {
		return nil, nil, fmt.Errorf("%d reports are in etcd and should be %d", keys, f.Deployments)
	}
	step("%s: starting with %d reports", f.Name, keys)
	ready, err := s.Begin()
	if err != nil {
		return nil, nil, err
	}
	w := &weighing{name: fmt.Sprintf("%d reports", keys), took: ready}
	if err := w.weigh(ctx, s, o.Folder); err != nil {
		return nil, nil, err
	}
	if err := allReady(ctx, s, f); err != nil {
		return nil, nil, err
	}
	each := stats.Ratio(float64(w.memory.Used-without.Used), float64(keys))
	name := fmt.Sprintf("%d BundleDeployments, all reported", f.Deployments)
	out.Add(
		report.Number{Name: name + ": ready", Value: ready.Seconds(), Unit: "s", Kind: report.Absolute},
		report.Number{Name: name + ": resident", Value: site.MiB(w.memory.Resident), Unit: "MiB", Kind: report.Absolute},
		report.Number{Name: name + ": in use", Value: site.MiB(w.memory.Used), Unit: "MiB", Kind: report.Absolute},
		report.Number{Name: name + ": in use for a report", Value: each, Unit: "B", Kind: report.Absolute},
		report.Number{Name: name + ": bytes in etcd for a report", Value: stats.Ratio(float64(bytes), float64(keys)), Unit: "B", Kind: report.Absolute},
	)
	return w, []string{
		f.Name, fmt.Sprint(keys), fmt.Sprint(bytes / int64(max(1, keys))), fmt.Sprintf("%.0f", written.Seconds()), fmt.Sprintf("%.1f", ready.Seconds()), fmt.Sprintf("%.1f", plain.Seconds()),
		whole(w.memory.Resident), whole(w.memory.Peak), whole(w.memory.Used), whole(without.Used), fmt.Sprintf("%.0f", each),
	}, nil
}

// allReady checks that the server uses the reports.
func allReady(ctx context.Context, s *site.Site, f fleets.Fleet) error {
	text, err := site.Answer(ctx, s.Client.Get().AbsPath(site.Path(site.Bundles, fleets.Namespace, fleets.BundleName(0))))
	if err != nil {
		return err
	}
	var bundle v1alpha1.Bundle
	if err := json.Unmarshal(text, &bundle); err != nil {
		return err
	}
	if got := bundle.Status.Summary.Ready; got != f.Clusters {
		return fmt.Errorf("%d of %d BundleDeployments of a Bundle are ready: %+v", got, f.Clusters, bundle.Status.Summary)
	}
	return nil
}
