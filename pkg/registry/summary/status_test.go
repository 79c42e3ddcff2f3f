// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

var isReady = v1alpha1.GenericCondition{Type: "Ready", Status: "True"}

var isProcessed = v1alpha1.GenericCondition{Type: "Processed", Status: "True"}

func notReady(message string) v1alpha1.GenericCondition {
	return v1alpha1.GenericCondition{Type: "Ready", Status: "False", Message: message}
}

func TestBundleStatus(t *testing.T) {
	t.Parallel()
	var empty v1alpha1.BundleStatus
	BundleStatus(&empty, Weight{}, nil)
	require.Equal(t, v1alpha1.BundleStatus{
		Conditions: []v1alpha1.GenericCondition{isReady},
		Display:    v1alpha1.BundleDisplay{ReadyClusters: "0/0"},
	}, empty, "without targets a Bundle is ready")

	status := v1alpha1.BundleStatus{
		Conditions: []v1alpha1.GenericCondition{said("Processed", "True", "x"), isReady},
		// The caller sets the numbers of the roll-out.
		MaxUnavailable: 3, PartitionStatus: []v1alpha1.PartitionStatus{{Name: "All"}}, ObservedGeneration: 2,
		ResourceKey: []v1alpha1.ResourceKey{{Name: "old"}},
	}
	first := []v1alpha1.NonReadyResource{entry("fleet/a", v1alpha1.NotReady), entry("fleet/b", v1alpha1.OutOfSync)}
	BundleStatus(&status, Weight{Ready: 2, NotReady: 1, OutOfSync: 1, Unavailable: 1, Outdated: 2, Listed: 2, Resources: v1alpha1.ResourceCounts{Ready: 9}}, first)
	require.Equal(t, v1alpha1.BundleStatus{
		Conditions:     []v1alpha1.GenericCondition{said("Processed", "True", "x"), notReady("NotReady(1) [Cluster fleet/a]; OutOfSync(1) [Cluster fleet/b]")},
		Summary:        v1alpha1.BundleSummary{Ready: 2, NotReady: 1, OutOfSync: 1, DesiredReady: 4, NonReadyResources: first},
		Unavailable:    1,
		MaxUnavailable: 3, PartitionStatus: []v1alpha1.PartitionStatus{{Name: "All"}}, ObservedGeneration: 2,
		Display: v1alpha1.BundleDisplay{ReadyClusters: "2/4", State: "OutOfSync"},
	}, status)
}

func TestClusterStatus(t *testing.T) {
	t.Parallel()
	var fresh v1alpha1.ClusterStatus
	ClusterStatus(&fresh, Weight{}, nil, Readiness{}, Readiness{})
	require.Equal(t, v1alpha1.ClusterStatus{
		Conditions: []v1alpha1.GenericCondition{isProcessed, isReady},
		Display:    v1alpha1.ClusterDisplay{ReadyBundles: "0/0", State: "WaitCheckIn"},
	}, fresh)

	status := v1alpha1.ClusterStatus{
		Conditions: []v1alpha1.GenericCondition{said("Imported", "True", "")},
		Namespace:  "cluster-x",
		Agent:      v1alpha1.AgentStatus{LastSeen: metav1.NewTime(time.Unix(1, 0)), Namespace: "fleet-system"},
		Scheduled:  true,
	}
	want := *status.DeepCopy()
	first := []v1alpha1.NonReadyResource{entry("app", v1alpha1.Modified)}
	sum := Weight{Ready: 11, Modified: 1, Listed: 1, Resources: v1alpha1.ResourceCounts{Ready: 5, DesiredReady: 6, Modified: 1}}
	ClusterStatus(&status, sum, first, Readiness{1, 2}, Readiness{3, 4})
	want.Conditions = append(want.Conditions, isProcessed, notReady("Modified(1) [Bundle app]"))
	want.Summary = v1alpha1.BundleSummary{Ready: 11, Modified: 1, DesiredReady: 12, NonReadyResources: first}
	want.ResourceCounts = sum.Resources
	want.ReadyGitRepos, want.DesiredReadyGitRepos, want.ReadyHelmOps, want.DesiredReadyHelmOps = 1, 2, 3, 4
	want.Display = v1alpha1.ClusterDisplay{ReadyBundles: "11/12", State: "Modified"}
	require.Equal(t, want, status)

	status.Agent.LastSeen = metav1.Time{}
	ClusterStatus(&status, sum, first, Readiness{1, 2}, Readiness{3, 4})
	require.Equal(t, "WaitCheckIn", status.Display.State, "before the agent is first seen, whatever else the status has")
}

func TestGroupStatus(t *testing.T) {
	t.Parallel()
	member := func(name string, n int, state v1alpha1.BundleState) Member {
		m := Member{Name: name}
		for i := range n {
			m.Entries = append(m.Entries, entry(fmt.Sprint(name, "-", i), state))
		}
		return m
	}
	for _, c := range []struct {
		name     string
		clusters int
		sum      Weight
		first    []Member
		display  v1alpha1.ClusterGroupDisplay
		listed   []string // Clusters
		entries  int
		message  string
	}{
		{name: "a group without Clusters is ready", display: v1alpha1.ClusterGroupDisplay{ReadyClusters: "0/0", ReadyBundles: "0/0"}},
		{name: "all Clusters ready", clusters: 2, sum: Weight{Ready: 6}, display: v1alpha1.ClusterGroupDisplay{ReadyClusters: "2/2", ReadyBundles: "6/6"}},
		{
			name: "the display names the Clusters that are not ready", clusters: 3, sum: Weight{Ready: 6, NotReady: 2, ErrApplied: 1, Listed: 2},
			first:   []Member{member("a", 2, v1alpha1.NotReady), member("b", 1, v1alpha1.ErrApplied)},
			display: v1alpha1.ClusterGroupDisplay{ReadyClusters: "1/3 (a,b)", ReadyBundles: "6/9", State: "ErrApplied"},
			listed:  []string{"a", "b"}, entries: 3,
			message: "ErrApplied(1) [Bundle b-0]; NotReady(2) [Bundle a-0]",
		},
		{
			name: "whole lists are added while a summary has fewer than ten entries: 9 and 10 are 19", clusters: 3, sum: Weight{NotReady: 30, Pending: 9, Listed: 3},
			first:   []Member{member("a", 9, v1alpha1.Pending), member("b", 12, v1alpha1.NotReady), member("c", 1, v1alpha1.Modified)},
			display: v1alpha1.ClusterGroupDisplay{ReadyClusters: "0/3 (a,b,c)", ReadyBundles: "0/39", State: "Pending"},
			listed:  []string{"a", "b", "c"}, entries: 19,
			message: "NotReady(30) [Bundle b-0]; Pending(9) [Bundle a-0]",
		},
		{
			name: "ten entries are enough", clusters: 2, sum: Weight{NotReady: 20, Listed: 2},
			first:   []Member{member("a", 10, v1alpha1.NotReady), member("b", 10, v1alpha1.NotReady)},
			display: v1alpha1.ClusterGroupDisplay{ReadyClusters: "0/2 (a,b)", ReadyBundles: "0/20", State: "NotReady"},
			listed:  []string{"a", "b"}, entries: 10,
			message: "NotReady(20) [Bundle a-0]",
		},
		{
			name: "ten Clusters are named", clusters: 12, sum: Weight{WaitApplied: 12, Listed: 12},
			first: func() (all []Member) {
				for i := range 12 {
					all = append(all, member(fmt.Sprint("c", i), 1, v1alpha1.WaitApplied))
				}
				return all
			}(),
			display: v1alpha1.ClusterGroupDisplay{ReadyClusters: "0/12 (c0,c1,c2,c3,c4,c5,c6,c7,c8,c9)", ReadyBundles: "0/12", State: "WaitApplied"},
			listed:  []string{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"}, entries: 10,
			message: "WaitApplied(12) [Bundle c0-0]",
		},
	} {
		status := v1alpha1.ClusterGroupStatus{NonReadyClusters: []string{"stale"}}
		c.sum.Resources = v1alpha1.ResourceCounts{Ready: 3, NotReady: 1}
		GroupStatus(&status, c.clusters, c.sum, c.first, "")
		require.Equal(t, c.clusters, status.ClusterCount, c.name)
		require.Equal(t, int(c.sum.Listed), status.NonReadyClusterCount, c.name)
		require.Equal(t, c.listed, status.NonReadyClusters, c.name)
		require.Equal(t, c.display, status.Display, c.name)
		require.Len(t, status.Summary.NonReadyResources, c.entries, c.name)
		require.Equal(t, c.sum.Total(), status.Summary.DesiredReady, c.name)
		require.Equal(t, c.sum.Resources, status.ResourceCounts, c.name)
		ready := isReady
		if c.message != "" {
			ready = notReady(c.message)
		}
		require.Equal(t, []v1alpha1.GenericCondition{isProcessed, ready}, status.Conditions, c.name)
	}
	require.Equal(t, Weight{NotReady: 7, Listed: 1}, GroupMember(Weight{NotReady: 7, Listed: 7}))
	require.Equal(t, Weight{Ready: 7}, GroupMember(Weight{Ready: 7}))

	var broken v1alpha1.ClusterGroupStatus
	GroupStatus(&broken, 0, Weight{}, nil, "no such operator")
	require.Equal(t, []v1alpha1.GenericCondition{{Type: "Processed", Status: "False", Reason: "Error", Message: "no such operator"}, isReady}, broken.Conditions)
}

func TestStatusOfGitReposAndHelmOps(t *testing.T) {
	t.Parallel()
	failing := v1alpha1.GenericCondition{Type: "Ready", Status: "False", Reason: "Error", Message: "template: bad", LastUpdateTime: "2020-01-01T00:00:00Z"}
	bad := Source{
		Sum:   Weight{Ready: 7, NotReady: 1, ErrApplied: 1, Listed: 2, Resources: v1alpha1.ResourceCounts{Ready: 4, DesiredReady: 5}},
		First: []v1alpha1.NonReadyResource{entry("app", v1alpha1.NotReady), entry("db", v1alpha1.ErrApplied)},
		Worst: "cannot pull", Clusters: Readiness{2, 4},
	}
	text := "ErrApplied(1) [Bundle db]; NotReady(1) [Bundle app]"
	for _, c := range []struct {
		name    string
		repo    Source
		job     string
		failing *v1alpha1.GenericCondition
		display v1alpha1.StatusDisplay // of the HelmOp
		state   string                 // of the GitRepo
		ready   v1alpha1.GenericCondition
	}{
		{name: "nothing deployed", job: "Current", display: v1alpha1.StatusDisplay{ReadyBundleDeployments: "0/0"}, ready: isReady},
		{
			name: "all ready: no state, no message", job: "Current", repo: Source{Sum: Weight{Ready: 3}, Worst: "deployed", Clusters: Readiness{1, 1}},
			display: v1alpha1.StatusDisplay{ReadyBundleDeployments: "3/3"}, ready: isReady,
		},
		{
			name: "the worst state and its message", job: "Current", repo: bad,
			display: v1alpha1.StatusDisplay{ReadyBundleDeployments: "7/9", State: "ErrApplied", Message: "cannot pull", Error: true}, state: "ErrApplied",
			ready: notReady(text),
		},
		{
			name: "a state without a message is no error", job: "Current", repo: Source{Sum: Weight{WaitApplied: 1}},
			display: v1alpha1.StatusDisplay{ReadyBundleDeployments: "0/1", State: "WaitApplied"}, state: "WaitApplied", ready: isReady,
		},
		{
			name: "the worst state counts even where it is not listed", job: "Current",
			repo:    Source{Sum: Weight{NotReady: 10, ErrApplied: 1}, First: several(10, v1alpha1.NotReady)},
			display: v1alpha1.StatusDisplay{ReadyBundleDeployments: "0/11", State: "ErrApplied"}, state: "ErrApplied", ready: notReady("NotReady(10) [Bundle x00]"),
		},
		{
			name: "while Bundles are made a GitRepo is updating; the message stays", job: "InProgress", repo: bad,
			display: v1alpha1.StatusDisplay{ReadyBundleDeployments: "7/9", State: "ErrApplied", Message: "cannot pull", Error: true}, state: "GitUpdating",
			ready: notReady(text),
		},
		{
			name: "a GitRepo without a job status is updating too", repo: Source{Sum: Weight{Ready: 1}},
			display: v1alpha1.StatusDisplay{ReadyBundleDeployments: "1/1"}, state: "GitUpdating", ready: isReady,
		},
		{
			name: "a Bundle that fails gives a GitRepo its condition", job: "Current", repo: bad, failing: &failing,
			display: v1alpha1.StatusDisplay{ReadyBundleDeployments: "7/9", State: "ErrApplied", Message: "cannot pull", Error: true}, state: "ErrApplied",
			ready: notReady(text),
		},
	} {
		stored := v1alpha1.StatusBase{
			Conditions: []v1alpha1.GenericCondition{said("Accepted", "True", "")},
			Display:    v1alpha1.StatusDisplay{State: "Stale", Message: "stale", Error: true},
			Resources:  []v1alpha1.DeployedResource{{Name: "kept"}},
		}
		helmOp := v1alpha1.HelmOpStatus{StatusBase: stored, Version: "1.2.3"}
		HelmOpStatus(&helmOp, c.repo)
		want := stored
		want.Conditions = append(want.Conditions, c.ready)
		want.Display = c.display
		want.Summary = Summary(c.repo.Sum, c.repo.First)
		want.ReadyClusters, want.DesiredReadyClusters = c.repo.Clusters.Ready, c.repo.Clusters.Desired
		want.ResourceCounts = c.repo.Sum.Resources
		require.Equal(t, v1alpha1.HelmOpStatus{StatusBase: want, Version: "1.2.3"}, helmOp, c.name)

		gitRepo := v1alpha1.GitRepoStatus{StatusBase: stored, GitJobStatus: c.job, Commit: "abc"}
		GitRepoStatus(&gitRepo, c.repo, c.failing)
		want.Display.State = c.state
		if c.failing != nil {
			want.Conditions = []v1alpha1.GenericCondition{want.Conditions[0], failing}
		}
		require.Equal(t, v1alpha1.GitRepoStatus{StatusBase: want, GitJobStatus: c.job, Commit: "abc"}, gitRepo, c.name)
	}
}

func TestStatusFunctionsDoNotWriteToSharedValues(t *testing.T) {
	t.Parallel()
	shared := v1alpha1.ClusterStatus{Conditions: make([]v1alpha1.GenericCondition, 1, 8)}
	shared.Conditions[0] = notReady("stored")
	before := *shared.DeepCopy()
	first, second := shared, shared
	ClusterStatus(&first, Weight{Ready: 1}, nil, Readiness{}, Readiness{})
	ClusterStatus(&second, Weight{Pending: 1}, several(1, v1alpha1.Pending), Readiness{}, Readiness{})
	require.Equal(t, before, shared)
	require.Equal(t, "True", first.Conditions[0].Status)
	require.Equal(t, "False", second.Conditions[0].Status)
}
