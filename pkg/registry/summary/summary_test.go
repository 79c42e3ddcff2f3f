// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func entry(name string, state v1alpha1.BundleState) v1alpha1.NonReadyResource {
	return v1alpha1.NonReadyResource{Name: name, State: state}
}

// several returns n entries in one state.
func several(n int, state v1alpha1.BundleState) []v1alpha1.NonReadyResource {
	var out []v1alpha1.NonReadyResource
	for i := range n {
		out = append(out, entry(fmt.Sprintf("x%02d", i), state))
	}
	return out
}

func TestASummaryCountsAllAndListsTheFirstTen(t *testing.T) {
	t.Parallel()
	sum := Weight{Ready: 1, NotReady: 2, WaitApplied: 3, ErrApplied: 4, OutOfSync: 5, Modified: 6, Pending: 7, Listed: 27}
	require.Equal(t, v1alpha1.BundleSummary{
		Ready: 1, NotReady: 2, WaitApplied: 3, ErrApplied: 4, OutOfSync: 5, Modified: 6, Pending: 7, DesiredReady: 28,
		NonReadyResources: several(10, v1alpha1.NotReady),
	}, Summary(sum, several(12, v1alpha1.NotReady)))
	listed := several(12, v1alpha1.NotReady)
	_ = append(Summary(sum, listed).NonReadyResources, entry("new", v1alpha1.Pending))
	require.Equal(t, several(12, v1alpha1.NotReady), listed, "appending to a summary does not write to its source")
	require.Nil(t, Summary(Weight{Ready: 3}, []v1alpha1.NonReadyResource{}).NonReadyResources)
}

func TestTheWorstStateHasTheHighestRank(t *testing.T) {
	t.Parallel()
	// From best to worst, as S 7.1 ranks them.
	ranks := []v1alpha1.BundleState{"", "Ready", "NotReady", "Pending", "OutOfSync", "Modified", "WaitApplied", "ErrApplied"}
	require.Empty(t, WorstState(nil))
	for i, worse := range ranks {
		for _, better := range ranks[:i+1] {
			for _, list := range [][]v1alpha1.NonReadyResource{
				{entry("a", worse), entry("b", better)},
				{entry("a", better), entry("b", worse)},
			} {
				require.Equal(t, worse, WorstState(list))
			}
			if worse == "" {
				continue
			}
			var sum Weight
			*sum.counter(worse) = 1
			if better != "" {
				*sum.counter(better) = 7
			}
			require.Equal(t, worse, sum.Worst())
		}
	}
	require.Empty(t, Weight{}.Worst())
}

func TestTheReadyMessage(t *testing.T) {
	t.Parallel()
	modifiedObjects := func(n int) []v1alpha1.ModifiedStatus {
		var out []v1alpha1.ModifiedStatus
		for i := range n {
			out = append(out, v1alpha1.ModifiedStatus{Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: fmt.Sprint("m", i), Create: true})
		}
		return out
	}
	nonReadyObjects := func(n int) []v1alpha1.NonReadyStatus {
		var out []v1alpha1.NonReadyStatus
		for i := range n {
			out = append(out, v1alpha1.NonReadyStatus{
				Kind: "Deployment", APIVersion: "apps/v1", Namespace: "ns", Name: fmt.Sprint("d", i),
				Summary: v1alpha1.ObjectSummary{Transitioning: true, Message: []string{"1 of 2"}},
			})
		}
		return out
	}
	for _, c := range []struct {
		name    string
		summary v1alpha1.BundleSummary
		kind    string
		want    string
	}{
		{"no members: nothing to say", v1alpha1.BundleSummary{}, OfClusters, ""},
		{"all ready: nothing to say", v1alpha1.BundleSummary{Ready: 4, DesiredReady: 4}, OfClusters, ""},
		{
			"a state says how many, and names the first",
			v1alpha1.BundleSummary{WaitApplied: 12, DesiredReady: 12, NonReadyResources: several(10, v1alpha1.WaitApplied)},
			OfClusters,
			"WaitApplied(12) [Cluster x00]",
		},
		{
			"with a message",
			v1alpha1.BundleSummary{ErrApplied: 1, NonReadyResources: []v1alpha1.NonReadyResource{{Name: "app", State: "ErrApplied", Message: "chart: not found"}}},
			OfBundles,
			"ErrApplied(1) [Bundle app: chart: not found]",
		},
		{
			"states come in the order of their texts",
			v1alpha1.BundleSummary{
				NotReady: 1, WaitApplied: 2, ErrApplied: 3, OutOfSync: 4, Modified: 5, Pending: 6, Ready: 9,
				NonReadyResources: []v1alpha1.NonReadyResource{
					entry("w", "WaitApplied"), entry("n", "NotReady"), entry("p", "Pending"), entry("e", "ErrApplied"), entry("m", "Modified"), entry("o", "OutOfSync"), entry("e2", "ErrApplied"),
				},
			},
			OfBundles,
			"ErrApplied(3) [Bundle e]; Modified(5) [Bundle m]; NotReady(1) [Bundle n]; OutOfSync(4) [Bundle o]; Pending(6) [Bundle p]; WaitApplied(2) [Bundle w]",
		},
		{
			"a state that none of the listed is in is not mentioned",
			v1alpha1.BundleSummary{NotReady: 10, ErrApplied: 1, NonReadyResources: several(10, v1alpha1.NotReady)},
			OfClusters,
			"NotReady(10) [Cluster x00]",
		},
		{
			"a state with a count of zero is not mentioned, whatever is listed",
			v1alpha1.BundleSummary{NonReadyResources: several(1, v1alpha1.NotReady)},
			OfClusters,
			"",
		},
		{"entries that are Ready are not mentioned", v1alpha1.BundleSummary{Ready: 1, NonReadyResources: several(1, v1alpha1.Ready)}, OfClusters, ""},
		{
			"objects are items of their own, four of each kind, sorted with the rest",
			v1alpha1.BundleSummary{Modified: 2, NonReadyResources: []v1alpha1.NonReadyResource{
				{Name: "app", State: "Modified", ModifiedStatus: modifiedObjects(6), NonReadyStatus: nonReadyObjects(5)},
				{Name: "other", State: "Modified", ModifiedStatus: []v1alpha1.ModifiedStatus{{Kind: "Secret", Name: "s"}}},
			}},
			OfBundles,
			"Modified(2) [Bundle app]; configmap.v1 ns/m0 missing; configmap.v1 ns/m1 missing; configmap.v1 ns/m2 missing; configmap.v1 ns/m3 missing; " +
				"deployment.apps ns/d0 [progressing] 1 of 2; deployment.apps ns/d1 [progressing] 1 of 2; deployment.apps ns/d2 [progressing] 1 of 2; deployment.apps ns/d3 [progressing] 1 of 2",
		},
	} {
		want := v1alpha1.GenericCondition{Type: "Ready", Status: "False", Message: c.want}
		if c.want == "" {
			want.Status = "True"
		}
		require.Equal(t, want, ReadyCondition(c.summary, c.kind), c.name)
	}
}

func TestObjectsAsTexts(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]v1alpha1.ModifiedStatus{
		"configmap.v1 ns/x missing":                           {Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: "x", Create: true},
		"configmap.v1 ns/x is not owned by us":                {Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: "x", Create: true, Exist: true},
		"configmap.v1 ns/x extra":                             {Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: "x", Delete: true},
		"deployment.apps ns/x modified {\"spec\":{}}":         {Kind: "Deployment", APIVersion: "apps/v1", Namespace: "ns", Name: "x", Patch: `{"spec":{}}`},
		"clusterrole.rbac.authorization.k8s.io x modified {}": {Kind: "ClusterRole", APIVersion: "rbac.authorization.k8s.io/v1", Name: "x", Patch: "{}"},
		"widget x missing":                                    {Kind: "Widget", Name: "x", Create: true, Delete: true},
		"widget x modified {}":                                {Kind: "Widget", Name: "x", Exist: true, Patch: "{}"},
	} {
		require.Equal(t, want, modified(m))
	}
	for want, s := range map[string]v1alpha1.ObjectSummary{
		"pod.v1 ns/x in-progress":             {State: "in-progress", Message: []string{"not shown"}},
		"pod.v1 ns/x [progressing] a, b":      {State: "x", Transitioning: true, Message: []string{"a", "b"}},
		"pod.v1 ns/x [progressing,error] a":   {State: "x", Transitioning: true, Error: true, Message: []string{"a"}},
		"pod.v1 ns/x error] a":                {State: "x", Error: true, Message: []string{"a"}},
		"pod.v1 ns/x error]":                  {State: "x", Error: true},
		"pod.v1 ns/x ":                        {},
		"pod.v1 ns/x [progressing] [x], y, z": {Transitioning: true, Message: []string{"[x], y", "z"}},
	} {
		require.Equal(t, want, nonReady(v1alpha1.NonReadyStatus{Kind: "Pod", APIVersion: "v1", Namespace: "ns", Name: "x", Summary: s}))
	}
}

func TestAConditionReplacesTheOneOfItsTypeOrComesLast(t *testing.T) {
	t.Parallel()
	ready := said("Ready", "True", "")
	stored := []v1alpha1.GenericCondition{said("Imported", "True", ""), {Type: "Ready", Status: "False", Reason: "Error", LastUpdateTime: "2020-01-01T00:00:00Z"}, said("Processed", "True", "")}
	have := append([]v1alpha1.GenericCondition(nil), stored...)
	require.Equal(t, []v1alpha1.GenericCondition{stored[0], ready, stored[2]}, WithCondition(have, ready))
	require.Equal(t, stored, have, "the argument is not changed")
	require.Equal(t, []v1alpha1.GenericCondition{stored[0], ready}, WithCondition(have[:1], ready))
	require.Equal(t, stored, have, "nor are the elements after its end")
	require.Equal(t, []v1alpha1.GenericCondition{ready}, WithCondition(nil, ready))
}
