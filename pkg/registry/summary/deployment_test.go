// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

func said(kind, status, message string) v1alpha1.GenericCondition {
	return v1alpha1.GenericCondition{Type: kind, Status: status, Message: message}
}

func TestTheStateIsTheFirstLineThatApplies(t *testing.T) {
	t.Parallel()
	failed := said("Deployed", "False", "no such namespace")
	report := func(applied string, ready, unmodified bool, conditions ...v1alpha1.GenericCondition) *v1alpha1.BundleDeploymentStatus {
		return &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: applied, Ready: ready, NonModified: unmodified, Conditions: conditions}
	}
	for _, c := range []struct {
		name string
		of   Deployment
		want v1alpha1.BundleState
	}{
		{"what is targeted and does not exist is Pending", Deployment{Want: "b", Missing: true}, v1alpha1.Pending},
		{"what does not exist is Pending, whatever else is said", Deployment{Want: "b", Missing: true, Status: report("b", true, true)}, v1alpha1.Pending},
		{"nothing reported is WaitApplied", Deployment{Want: "b", Staged: "b"}, v1alpha1.WaitApplied},
		{"nothing wanted and nothing reported is NotReady", Deployment{}, v1alpha1.NotReady},
		{"nothing wanted yet is no reason to wait, but what is staged does not count before it is ready", Deployment{Staged: "b"}, v1alpha1.NotReady},
		{"another version applied is WaitApplied, however ready it is", Deployment{Want: "b", Staged: "b", Status: report("a", true, true)}, v1alpha1.WaitApplied},
		{"another version applied and Deployed False is ErrApplied", Deployment{Want: "b", Staged: "b", Status: report("a", true, false, failed)}, v1alpha1.ErrApplied},
		{"nothing applied and Deployed False is ErrApplied", Deployment{Want: "b", Staged: "b", Status: report("", false, false, failed)}, v1alpha1.ErrApplied},
		{"Deployed Unknown is not an error", Deployment{Want: "b", Staged: "b", Status: report("", false, false, said("Deployed", "Unknown", "x"))}, v1alpha1.WaitApplied},
		{"applied but not ready is NotReady, even when Deployed is False", Deployment{Want: "b", Staged: "b", Status: report("b", false, false, failed)}, v1alpha1.NotReady},
		{"not ready comes before out of sync", Deployment{Want: "b", Staged: "c", Status: report("b", false, false)}, v1alpha1.NotReady},
		{"ready with something else staged is OutOfSync", Deployment{Want: "b", Staged: "c", Status: report("b", true, true)}, v1alpha1.OutOfSync},
		{"out of sync comes before modified", Deployment{Want: "b", Staged: "c", Status: report("b", true, false)}, v1alpha1.OutOfSync},
		{"ready but changed by others is Modified", Deployment{Want: "b", Staged: "b", Status: report("b", true, false)}, v1alpha1.Modified},
		{"applied, ready, staged and unchanged is Ready", Deployment{Want: "b", Staged: "b", Status: report("b", true, true)}, v1alpha1.Ready},
		{"a Bundle wants the newest: what is ready at the promoted version waits", Deployment{Want: "c", Staged: "c", Promoted: "b", Status: report("b", true, true)}, v1alpha1.WaitApplied},
	} {
		require.Equal(t, c.want, c.of.State(), c.name)
		w := c.of.Weight()
		require.Equal(t, 1, w.In(c.want), c.name)
		require.Equal(t, 1, w.Total(), c.name)
		require.Equal(t, c.want != v1alpha1.Ready, w.Listed == 1, c.name)
		require.Equal(t, c.want, w.Worst(), c.name)
		if !c.of.Missing && c.of.Status != nil {
			spec := v1alpha1.BundleDeploymentSpec{DeploymentID: c.of.Want, StagedDeploymentID: c.of.Staged}
			require.Equal(t, c.want, reports.State(&spec, c.of.Status), c.name)
		}
	}
}

func TestTheMessageComesFromTheFirstConditionWithAText(t *testing.T) {
	t.Parallel()
	deployed, installed, monitored := said("Deployed", "True", "deployed"), said("Installed", "False", "installed"), said("Monitored", "False", "monitored")
	for _, c := range []struct {
		name       string
		applied    string
		conditions []v1alpha1.GenericCondition
		want       string
	}{
		{"no conditions, no message", "b", nil, ""},
		{"Deployed comes first, whatever its position and status", "b", []v1alpha1.GenericCondition{monitored, installed, deployed}, "deployed"},
		{"Deployed may be about any version", "a", []v1alpha1.GenericCondition{monitored, installed, deployed}, "deployed"},
		{"Installed replaces a Deployed without text", "b", []v1alpha1.GenericCondition{said("Deployed", "False", ""), installed, monitored}, "installed"},
		{"Installed is ignored if it is about another version", "a", []v1alpha1.GenericCondition{installed, monitored}, "monitored"},
		{"Monitored replaces an Installed without text", "b", []v1alpha1.GenericCondition{said("Installed", "True", ""), monitored}, "monitored"},
		{"Monitored comes last", "b", []v1alpha1.GenericCondition{monitored}, "monitored"},
		{"other conditions are ignored", "b", []v1alpha1.GenericCondition{said("Ready", "False", "ready")}, ""},
	} {
		d := Deployment{Name: "x", Want: "b", Staged: "b", Status: &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: c.applied, Conditions: c.conditions}}
		require.Equal(t, c.want, d.Message(), c.name)
		require.Equal(t, c.want, d.Entry().Message, c.name)
		d.Missing = true
		require.Empty(t, d.Message(), c.name+"; a missing one has no message")
	}
}

func TestAnEntryHasTheObjectsThatTheAgentLists(t *testing.T) {
	t.Parallel()
	status := v1alpha1.BundleDeploymentStatus{
		AppliedDeploymentID: "b",
		Conditions:          []v1alpha1.GenericCondition{said("Monitored", "False", "not healthy")},
		ModifiedStatus:      []v1alpha1.ModifiedStatus{{Kind: "ConfigMap", Name: "m"}},
		NonReadyStatus:      []v1alpha1.NonReadyStatus{{Kind: "Pod", Name: "p"}},
	}
	require.Equal(t,
		v1alpha1.NonReadyResource{
			Name: "fleet/edge", State: v1alpha1.NotReady, Message: "not healthy",
			ModifiedStatus: status.ModifiedStatus, NonReadyStatus: status.NonReadyStatus,
		},
		Deployment{Name: "fleet/edge", Want: "b", Staged: "b", Status: &status}.Entry())
	require.Equal(t,
		v1alpha1.NonReadyResource{Name: "fleet/edge", State: v1alpha1.Pending},
		Deployment{Name: "fleet/edge", Want: "b", Status: &status, Missing: true}.Entry())
}

func TestUnavailableAndOutdatedBundleDeployments(t *testing.T) {
	t.Parallel()
	report := func(applied string, ready bool) *v1alpha1.BundleDeploymentStatus {
		return &v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: applied, Ready: ready, ResourceCounts: v1alpha1.ResourceCounts{Ready: 2}}
	}
	for _, c := range []struct {
		name                  string
		of                    Deployment
		unavailable, outdated int32
		upToDate              bool
	}{
		{"ready at the newest version", Deployment{Want: "b", Staged: "b", Promoted: "b", Status: report("b", true)}, 0, 0, true},
		{"not ready at the newest version", Deployment{Want: "b", Staged: "b", Promoted: "b", Status: report("b", false)}, 1, 1, true},
		{"ready at the old version, the new one is not promoted", Deployment{Want: "b", Staged: "b", Promoted: "a", Status: report("a", true)}, 0, 1, false},
		{"ready at the old version, the new one is not even staged", Deployment{Want: "b", Staged: "a", Promoted: "a", Status: report("a", true)}, 0, 1, false},
		{"just promoted", Deployment{Want: "b", Staged: "b", Promoted: "b", Status: report("a", true)}, 1, 1, false},
		{"never reported", Deployment{Want: "b", Staged: "b", Promoted: "b"}, 1, 1, false},
		{"new while paused: nothing promoted, nothing applied", Deployment{Want: "b", Staged: "b"}, 1, 1, false},
		{"an agent that is ahead of the promoted version", Deployment{Want: "b", Staged: "b", Promoted: "a", Status: report("b", true)}, 1, 1, false},
		{"missing", Deployment{Want: "b", Missing: true, Status: report("a", false)}, 0, 1, false},
	} {
		w := c.of.Weight()
		require.Equal(t, c.unavailable, w.Unavailable, c.name)
		require.Equal(t, c.outdated, w.Outdated, c.name)
		require.Equal(t, c.unavailable == 1, c.of.Unavailable(), c.name)
		require.Equal(t, c.upToDate, c.of.UpToDate(), c.name)
		if c.of.Missing || c.of.Status == nil {
			require.Zero(t, w.Resources, c.name)
		} else {
			require.Equal(t, 2, w.Resources.Ready, c.name)
		}
	}
}
