// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestAnAgentReconcilesOnRelevantChanges(t *testing.T) {
	t.Parallel()
	number := int64(0)
	for _, c := range []struct {
		name   string
		old    v1alpha1.BundleDeployment
		change func(bd *v1alpha1.BundleDeployment)
		want   bool
	}{
		{"nothing has changed", v1alpha1.BundleDeployment{}, func(*v1alpha1.BundleDeployment) {}, false},
		{"the generation", v1alpha1.BundleDeployment{}, func(bd *v1alpha1.BundleDeployment) { bd.Generation++ }, true},
		{"a label", v1alpha1.BundleDeployment{}, func(bd *v1alpha1.BundleDeployment) { bd.Labels = map[string]string{"a": "b"} }, true},
		{"an annotation", v1alpha1.BundleDeployment{}, func(bd *v1alpha1.BundleDeployment) { bd.Annotations = map[string]string{"a": "b"} }, true},
		{"a new version to deploy", v1alpha1.BundleDeployment{}, func(bd *v1alpha1.BundleDeployment) { bd.Spec.DeploymentID = "b" }, true},
		{"a change of what counts as drift", v1alpha1.BundleDeployment{}, func(bd *v1alpha1.BundleDeployment) { bd.Spec.Options.Diff = &v1alpha1.DiffOptions{} }, true},
		{"downstream resources", v1alpha1.BundleDeployment{}, func(bd *v1alpha1.BundleDeployment) { bd.Spec.DownstreamResourcesGeneration++ }, true},
		{"paused, which comes with a generation", v1alpha1.BundleDeployment{}, func(bd *v1alpha1.BundleDeployment) { bd.Spec.Paused = true }, false},
		{"the newest version, behind a roll-out", v1alpha1.BundleDeployment{}, func(bd *v1alpha1.BundleDeployment) { bd.Spec.StagedDeploymentID = "b" }, false},
		{"the report of an agent that has never monitored", v1alpha1.BundleDeployment{}, func(bd *v1alpha1.BundleDeployment) { bd.Status.Ready = true }, false},
		{
			"anything, once an agent has monitored: the number is another one, though equal",
			v1alpha1.BundleDeployment{Status: v1alpha1.BundleDeploymentStatus{SyncGeneration: &number}},
			func(*v1alpha1.BundleDeployment) {}, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			updated := c.old.DeepCopy()
			c.change(updated)
			require.Equal(t, c.want, upstream.Triggers(&c.old, updated))
		})
	}
}

func TestAConditionKeepsItsTimeUntilItChanges(t *testing.T) {
	t.Parallel()
	first, later := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)
	status := &v1alpha1.BundleDeploymentStatus{}
	upstream.SetCondition(status, upstream.Deployed, nil, first)
	require.Equal(t, []v1alpha1.GenericCondition{{Type: "Deployed", Status: "True", LastUpdateTime: "2026-11-23T10:00:00Z"}}, status.Conditions)
	before := status.Conditions

	upstream.SetCondition(status, upstream.Deployed, nil, later)
	require.Equal(t, before, status.Conditions)
	upstream.SetCondition(status, upstream.Deployed, &upstream.NotReady{Names: []string{"a", "b"}}, later)
	require.Equal(t, []v1alpha1.GenericCondition{{
		Type: "Deployed", Status: "False", Reason: "Error", Message: "dependent bundle(s) are not ready: [a b]", LastUpdateTime: "2026-11-23T11:00:00Z",
	}}, status.Conditions)
	require.Equal(t, "True", before[0].Status, "the old list belongs to another goroutine")
	require.Equal(t, "False", upstream.Condition(status, upstream.Deployed))
	require.Empty(t, upstream.Condition(status, upstream.Ready))
}
