// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
)

// history holds the size of a server's history.
type history struct {
	revisions, changes, oldest, bytes int64
}

func held(ctx context.Context, s *site.Site) (history, error) {
	metrics, err := site.Scrape(ctx, s.Client)
	of := func(name string) int64 { return int64(metrics["muster_history_"+name]) }
	return history{of("revisions"), of("changes"), of("oldest_revision"), of("bytes")}, err
}

// patience bounds one way of filling. A history that is not full by then is weighed as it is,
// and the report says so.
const patience = 3 * time.Minute

// way is one way to fill the history: batch makes edits, beginning with the first-th, and
// returns how many.
type way struct {
	name  string
	batch func(ctx context.Context, first int) (int, error)
}

// ways returns edits that change BundleDeployments: of a whole Bundle at once, or one by
// one. At the end the fleet is as large as before.
func ways(s *site.Site, f fleets.Fleet, reporter *fleets.Reporter) []way {
	const many = 1000
	log := s.Log()
	patch := func(ctx context.Context, resource schema.GroupVersionResource, name, body string) error {
		_, err := site.Patch(ctx, s.Client, site.Path(resource, fleets.Namespace, name), body)
		return err
	}
	return []way{
		{"edits of Bundles", func(ctx context.Context, first int) (int, error) {
			return 1, patch(ctx, site.Bundles, fleets.BundleName(first%f.Bundles), fleets.BundlePatch(first))
		}},
		{"edits of labels", func(ctx context.Context, first int) (int, error) {
			return many, site.Each(ctx, many, func(ctx context.Context, i int) error {
				value := fleets.Value
				if (first+i)/f.Clusters%2 == 1 {
					value = ""
				}
				return patch(ctx, site.Clusters, fleets.ClusterName((first+i)%f.Clusters), fleets.LabelPatch(fleets.Key, value))
			})
		}},
		{"reports", func(ctx context.Context, first int) (int, error) {
			// The size of agents' reports is not weighed here, so the edits use the same
			// BundleDeployments again and again, alternately ready and not.
			return many, site.Each(ctx, many, func(ctx context.Context, i int) error {
				txn := etcd.Txn{Put: map[record.Key][]byte{}}
				if err := reporter.Put(&txn, fleets.Pair{Bundle: i % f.Bundles, Cluster: i / f.Bundles % f.Clusters}, first/many%2 == 1); err != nil {
					return err
				}
				_, _, err := log.Commit(ctx, txn)
				return err
			})
		}},
	}
}

func fillAll(ctx context.Context, s *site.Site, step func(string, ...any), o Options, out *report.Scenario) ([]*weighing, error) {
	reporter, err := NewReporter(ctx, s, o.Fleet)
	if err != nil {
		return nil, err
	}
	out.Text = append(out.Text, "History is filled in three ways, each until the first of its own edits is forgotten: *edits of Bundles*, each on all Clusters, one after the other through the API; *edits of labels*, each of which adds or takes away one BundleDeployment, 16 at once through the API; and *reports*, each on one of 1,000 BundleDeployments, by turns ready and not, straight into etcd as from other replicas. Each changes BundleDeployments, and the roll-ups of what they are of.")
	var all []*weighing
	for _, way := range ways(s, o.Fleet, reporter) {
		step("filling the history with %s", way.name)
		w := &weighing{name: "history full of " + way.name}
		full, err := w.fill(ctx, s, way)
		if err != nil {
			return nil, err
		}
		if !full {
			out.NotMeasured = append(out.NotMeasured, fmt.Sprintf("a history full of %s: after %v it had not forgotten the first of them", way.name, patience))
		}
		if err := w.weigh(ctx, s, o.Folder); err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	return all, nil
}

// fill makes edits until the history holds no revision from before them and can grow no
// further.
func (w *weighing) fill(ctx context.Context, s *site.Site, way way) (full bool, err error) {
	begun := time.Now()
	defer func() { w.took = time.Since(begun) }()
	if err := s.Replica.Process.ResetPeak(); err != nil {
		return false, err
	}
	before, err := site.Revision(ctx, s.Client)
	if err != nil {
		return false, err
	}
	for time.Since(begun) < patience {
		n, err := way.batch(ctx, w.edits)
		if err != nil {
			return false, err
		}
		w.edits += n
		if _, err := site.Revision(ctx, s.Client); err != nil { // so that the replica has followed
			return false, err
		}
		h, err := held(ctx, s)
		if err != nil {
			return false, err
		}
		if h.oldest > before {
			return true, nil
		}
	}
	return false, nil
}
