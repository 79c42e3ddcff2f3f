// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
)

// Goal is a row of the design's table of goals.
type Goal struct {
	ID, What string
	// Limit is the largest allowed number, or the smallest with AtLeast.
	Limit   float64
	AtLeast bool
	Unit    string
	// How names the command that measures it.
	How string
}

// Goals are all rows, in the design's order.
var Goals = []Goal{
	{ID: "label-change", What: "label PATCH → BundleDeployment event, 3,001 Bundles × 3 Clusters: times the Cluster's own watch event", Limit: 1.2, How: "--scenarios label-change"},
	{ID: "label-change-million", What: "the same with 1,000,000 BundleDeployments, one affected", Limit: 1.5, How: "--scenarios label-change --full"},
	{ID: "first-get", What: "first GET after the PATCH's answer is right", Limit: 100, AtLeast: true, Unit: "%", How: "--scenarios label-change"},
	{ID: "writes", What: "etcd writes for one label edit, however many BundleDeployments it moves", Limit: 1, How: "--scenarios label-change,scale"},
	{ID: "etcd-bytes", What: "bytes in etcd for a BundleDeployment that nothing has reported on", Limit: 0, How: "--scenarios scale"},
	{ID: "unaffected-events", What: "events for unaffected BundleDeployments", Limit: 0, How: "--scenarios label-change"},
	{ID: "unaffected-renders", What: "BundleDeployments rendered for an edit beside those that it moves", Limit: 0, How: "--scenarios label-change,scale"},
	{ID: "unaffected-evaluations", What: "Bundles evaluated for a label edit that affects none", Limit: 0, How: "--scenarios scale"},
	{ID: "neighbours", What: "label PATCH → BundleDeployment event while others do the worst within their rights: times the same alone", Limit: 3, How: "--scenarios neighbours"},
	{ID: "neighbours-ready", What: "probes of /readyz that fail meanwhile", Limit: 0, How: "--scenarios neighbours"},
	{ID: "index-3k", What: "index: match one Cluster's new labels against 3,000 selectors, selective requirements", Limit: 50, Unit: "µs", How: "--scenarios index"},
	{ID: "index-100k", What: "the same against 100,000 selectors", Limit: 500, Unit: "µs", How: "--scenarios index"},
	{ID: "memory-million", What: "resident memory at 1,000,000 BundleDeployments, after a start and with history full", Limit: 1024, Unit: "MiB", How: "--scenarios scale,memory --full"},
	{ID: "restart-million", What: "restart to ready at that size", Limit: 10, Unit: "s", How: "--scenarios restart --full"},
	{ID: "relists", What: "watchers that list again after a restart", Limit: 0, How: "--scenarios restart"},
	{ID: "list", What: "full LIST of 100,000 BundleDeployments in pages: times kube-apiserver's with as many custom resources of the same size", Limit: 1, How: "--scenarios list"},
}

func (g Goal) limit() string {
	sign := "≤"
	if g.AtLeast {
		sign = "≥"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %g %s", sign, g.Limit, g.Unit))
}

func (g Goal) reached(v float64) bool {
	if g.AtLeast {
		return v >= g.Limit
	}
	return v <= g.Limit
}

// verdict returns what a run says about a goal: the worst number at the goal's own size;
// without one, the last at another size, which decides nothing.
func (r *Report) verdict(g Goal) (measured, verdict string) {
	var exact, other *Number
	for i := range r.Scenarios {
		if r.Scenarios[i].Failed != "" && r.Scenarios[i].Numbers == nil {
			continue
		}
		for j := range r.Scenarios[i].Numbers {
			n := &r.Scenarios[i].Numbers[j]
			switch {
			case n.Goal != g.ID:
			case n.At != "":
				other = n
			case exact == nil, g.reached(exact.Value) && !g.reached(n.Value), n.Value > exact.Value != g.AtLeast && n.Value != exact.Value:
				exact = n
			}
		}
	}
	switch {
	case exact != nil && g.reached(exact.Value):
		return exact.text(), "reached"
	case exact != nil:
		return exact.text(), "**not reached**"
	case other != nil:
		return fmt.Sprintf("%s at %s", other.text(), other.At), "not measured at this size: `" + g.How + "`"
	}
	return "–", "not measured: `" + g.How + "`"
}
