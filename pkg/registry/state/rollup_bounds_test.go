// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/reports"
	"github.com/musterfleet/muster/test/replay"
)

// beyond returns a report that may exceed any of the bounds of what roll-ups read.
func (c crowd) beyond(bd *v1alpha1.BundleDeployment, surely bool) v1alpha1.BundleDeploymentStatus {
	status := c.reportOn(bd)
	if surely || c.oneIn(2) {
		for i := range pick(c.universe, reports.MostObjects, reports.MostObjects+1, reports.MostObjects+500) {
			status.Resources = append(status.Resources, v1alpha1.BundleDeploymentResource{Kind: "Secret", APIVersion: "v1", Namespace: "d", Name: fmt.Sprintf("s%04d", i)})
		}
	}
	long := func() string {
		return strings.Repeat(pick(c.universe, "it broke ", "<", "\x02"), c.IntN(reports.MostText))
	}
	if surely || c.oneIn(3) {
		status.Ready, status.NonModified = false, false
		status.Conditions = append(status.Conditions, v1alpha1.GenericCondition{Type: "Monitored", Message: long()})
		for i := range reports.MostNamed/2 + c.IntN(reports.MostNamed) {
			status.ModifiedStatus = append(status.ModifiedStatus, v1alpha1.ModifiedStatus{Kind: "Secret", APIVersion: "v1", Namespace: "d", Name: fmt.Sprintf("s%04d", i), Patch: long()})
			status.NonReadyStatus = append(status.NonReadyStatus, v1alpha1.NonReadyStatus{Kind: "Pod", APIVersion: "v1", Namespace: "d", Name: fmt.Sprint("p", i), Summary: v1alpha1.ObjectSummary{State: "updating", Message: []string{long()}}})
		}
	}
	if c.oneIn(4) {
		status.Release = strings.Repeat("r", 70<<10) // the report is large, but what roll-ups read is not
	}
	return status
}

// TestRollUpsOfReportsBeyondTheirBounds compares roll-ups made from what is kept of large
// reports with roll-ups of the reports as served, also after restarts. No change is published
// that does not show.
func TestRollUpsOfReportsBeyondTheirBounds(t *testing.T) {
	t.Parallel()
	const edits, restartEach, sureEach = 24, 8, 3
	c := crowd{newHistory(t, replay.Rand(t))}
	var clusters []Proposal
	for i := range 2 {
		p := c.cluster(record.Name{Namespace: "n1", Name: fmt.Sprintf("k%03d", i)})
		p.Object.Object.SetLabels(map[string]string{"env": "x"})
		clusters = append(clusters, p)
	}
	c.begin(clusters)
	truncated, cut := 0, 0
	for i := range edits {
		var items []*v1alpha1.BundleDeployment
		for item := range c.j.view.All(record.BundleDeployments, record.Name{}) {
			items = append(items, c.served(item).(*v1alpha1.BundleDeployment))
		}
		require.NotEmpty(t, items)
		bd := items[c.IntN(len(items))]
		txn := &etcd.Txn{Put: map[record.Key][]byte{}}
		put(c.edits.t, txn, record.ReportKey(record.BundleDeployments, record.Name{Namespace: bd.Namespace, Name: bd.Name}),
			&record.Report{Status: &v1alpha1.BundleDeployment{Status: c.beyond(bd, i%sureEach == 0)}, UID: bd.UID})
		require.True(t, c.commit(txn))
		c.changes(c.j)
		want := c.answer(c.j.records)
		c.rollups(c.j.view, c.j.records, want)
		if i%restartEach == 0 {
			_, v := c.j.loaded(c.Rand)
			c.rollups(v, c.j.records, want)
		}
		for _, resource := range []string{record.GitRepos, record.HelmOps} {
			for item := range c.j.view.All(resource, record.Name{}) {
				truncated += strings.Count(c.text(item), `"Truncated"`)
				cut += strings.Count(c.text(item), "more objects are not listed here")
			}
		}
	}
	require.Positive(t, truncated, "the test no longer sees a list that is cut")
	require.Positive(t, cut, "the test no longer sees an entry that is cut")
}
