// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

func TestAReportThatMayUseUpALimitBumpsTheGuardOfTheRollOut(t *testing.T) {
	t.Parallel()
	one := intstr.FromInt32(1)
	status := func(applied string, ready bool) *v1alpha1.BundleDeploymentStatus {
		return &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: applied, Ready: ready}
	}
	for _, c := range []struct {
		name    string
		limited bool
		failure string
		was     *v1alpha1.BundleDeploymentStatus
		is      *v1alpha1.BundleDeploymentStatus
		counts  bool
	}{
		{"an available one becomes unready", true, "", status("s-1:a", true), status("s-1:a", false), true},
		{"an available one applies something else", true, "", status("s-1:a", true), status("s-0:b", true), true},
		{"nothing limits", false, "", status("s-1:a", true), status("s-1:a", false), false},
		{"the version in force may limit while the newest fails", false, "fails", status("s-1:a", true), status("s-1:a", false), true},
		{"the first report", true, "", nil, status("s-1:a", false), false},
		{"an unready one remains unready", true, "", status("s-0:b", false), status("s-1:a", false), false},
		{"one becomes available", true, "", status("s-0:b", false), status("s-1:a", true), false},
		{"an available one reports another field", true, "", status("s-1:a", true), &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: "s-1:a", Ready: true, Release: "r"}, false},
		{"one is ready with a version other than the promoted one in the view", true, "", status("s-0:b", true), status("s-0:b", false), true},
	} {
		name := record.Name{Namespace: "fleet", Name: "app"}
		b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
		if c.limited {
			b.Spec.RolloutStrategy = &v1alpha1.RolloutStrategy{MaxUnavailable: &one}
		}
		builder := view.NewBuilder(view.Limits{Revisions: 1, Changes: 1})
		builder.Put(record.Bundles, &view.Object{ID: name, At: 1, Record: &record.Object{Object: b}, Derived: view.Derived{Failure: c.failure}})
		pair := &view.BundleDeployment{
			At: 1, Bundle: &view.BundleFace{Bundle: b}, Cluster: &view.ClusterFace{Cluster: &v1alpha1.Cluster{}},
			Content: &derive.Content{DeploymentID: "s-1:a"},
		}
		if c.was != nil {
			data, err := (&record.Report{Status: &v1alpha1.BundleDeployment{Status: *c.was}}).Encode()
			require.NoError(t, err)
			pair.Report, err = view.NewReport(data, 1)
			require.NoError(t, err)
		}
		guard, counts := countsAgainstLimit(builder.Load(1), pair, &v1alpha1.BundleDeployment{Status: *c.is})
		require.Equal(t, c.counts, counts, c.name)
		limits := c.limited || c.failure != ""
		require.Equal(t, limits, guard != record.Key{}, c.name)
		next := &v1alpha1.BundleDeployment{Status: *c.is}
		next.Status.Release += "-new" // so that every case writes
		w, err := NewReports(record.BundleDeployments, nil, nil).writer.transaction(builder.Load(1), pair, name, next)
		require.NoError(t, err, c.name)
		_, bumped := w.Put[record.RolloutGuardKey(name)]
		require.Equal(t, c.counts, bumped, c.name)
		_, guarded := w.NotAfter[record.PromotionKey(name)]
		require.Equal(t, limits && !c.counts, guarded, c.name+": without a bump, the answer holds only for what is promoted in the view")
		if counts {
			require.Equal(t, record.RolloutGuardKey(name), guard, c.name)
		}
	}
}
