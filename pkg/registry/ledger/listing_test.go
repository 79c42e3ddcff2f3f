// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/reports"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/replay"
)

// anyStatus returns a random status. Any two have much in common.
func anyStatus(r *rand.Rand) *v1alpha1.BundleDeploymentStatus {
	s := &v1alpha1.BundleDeploymentStatus{Ready: r.IntN(3) > 0, NonModified: r.IntN(3) > 0, IncompleteState: r.IntN(5) == 0}
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	s.AppliedDeploymentID = pick("", "a", "b", "s-0123456789abcdef0123456789abcdef:0123456789abcdef")
	for range r.IntN(4) {
		s.Conditions = append(s.Conditions, v1alpha1.GenericCondition{Type: pick("Deployed", "Installed", "Monitored", "Ready"), Status: pick("True", "False"), Message: pick("", "", "it broke")})
	}
	for range r.IntN(3) {
		s.Resources = append(s.Resources, v1alpha1.BundleDeploymentResource{Kind: pick("A", "B"), APIVersion: pick("v1", "x/v1"), Namespace: pick("", "n"), Name: pick("x", "y")})
	}
	for range r.IntN(4) / 2 {
		s.NonReadyStatus = append(s.NonReadyStatus, v1alpha1.NonReadyStatus{Kind: pick("A", "B"), Name: pick("x", "y"), Summary: v1alpha1.ObjectSummary{State: pick("in-progress", "NotReady"), Message: []string{pick("m", "n")}}})
	}
	for range r.IntN(4) / 2 {
		s.ModifiedStatus = append(s.ModifiedStatus, v1alpha1.ModifiedStatus{Kind: pick("A", "B"), Name: pick("x", "y"), Create: r.IntN(2) > 0, Delete: r.IntN(2) > 0, Patch: pick("", "{}")})
	}
	s.ResourceCounts = v1alpha1.ResourceCounts{Ready: r.IntN(3), DesiredReady: r.IntN(3), NotReady: r.IntN(2) - 1}
	return s
}

// TestAKeptReportAgreesWithItsRecord compares a report with the decoded record, in what is
// shown and what is counted.
func TestAKeptReportAgreesWithItsRecord(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	listed := map[[16]byte]*v1alpha1.BundleDeploymentStatus{}
	for range 3000 {
		uid := derive.IdentityUID(types.UID(fmt.Sprint(r.IntN(3))), "c")
		data, err := (&record.Report{UID: uid, Status: &v1alpha1.BundleDeployment{Status: *anyStatus(r)}}).Encode()
		require.NoError(t, err)
		decoded, err := record.DecodeReport(record.BundleDeployments, data)
		require.NoError(t, err)
		status := &decoded.Status.(*v1alpha1.BundleDeployment).Status
		report, err := view.NewReport(data, 7)
		require.NoError(t, err)
		require.Equal(t, decoded, report.Read())
		for i := range 3 {
			identity := derive.Identity(types.UID(fmt.Sprint(i)), "c")
			require.Equal(t, types.UID(identity.String()) == uid, report.On(identity))
		}
		ids := []string{"", "a", "b", status.AppliedDeploymentID}
		d := summary.Deployment{Name: "n", Want: ids[r.IntN(4)], Staged: ids[r.IntN(4)], Promoted: ids[r.IntN(4)], Missing: r.IntN(9) == 0}
		plain, kept := d, d
		plain.Status, kept.Report = status, report
		require.Equal(t, plain.Weight(), kept.Weight())
		require.Equal(t, reports.StateOf(d.Want, d.Staged, status), summary.Deployment{Want: d.Want, Staged: d.Staged, Report: report}.State())
		require.Equal(t, plain.Message(), kept.Message())
		require.Equal(t, plain.Entry(), kept.Entry())
		var l, next listing
		l.explain(&kept, &next)
		require.Equal(t, plain.Entry(), kept.Entry())
		again := d
		again.Report = report
		next.explain(&again, &l)
		require.Same(t, kept.Explanation, again.Explanation, "it is decoded once")

		// Reports with the same digest add the same objects.
		digest := report.Digest().Objects
		require.Equal(t, len(status.Resources)+len(status.NonReadyStatus)+len(status.ModifiedStatus) == 0, digest == [16]byte{})
		if other, ok := listed[digest]; ok {
			for _, state := range []v1alpha1.BundleState{v1alpha1.Ready, v1alpha1.NotReady, v1alpha1.Modified, v1alpha1.ErrApplied} {
				of := func(s *v1alpha1.BundleDeploymentStatus) []v1alpha1.DeployedResource {
					out, left := summary.Resources(slices.Values([]summary.Deployed{{Cluster: "c", State: state, Status: s}}), summary.StatusBytes)
					require.Zero(t, left)
					return out
				}
				require.Equal(t, of(other), of(status))
			}
		}
		listed[digest] = status
	}
	require.Greater(t, len(listed), 100)
}

// TestObjectListsAreBounded covers fleets that have more lists than fit.
func TestObjectListsAreBounded(t *testing.T) {
	t.Parallel()
	l := newObjectLists()
	for i := range 40 {
		bd := &v1alpha1.BundleDeployment{}
		for range 1000 {
			bd.Status.Resources = append(bd.Status.Resources, v1alpha1.BundleDeploymentResource{Name: fmt.Sprint("of-", i)})
		}
		data, err := (&record.Report{Status: bd}).Encode()
		require.NoError(t, err)
		report, err := view.NewReport(data, 1)
		require.NoError(t, err)
		first := l.of(report)
		require.Equal(t, bd.Status.Resources, first.Resources)
		require.Same(t, first, l.of(report))
		require.LessOrEqual(t, l.objects, mostObjects)
	}
}
