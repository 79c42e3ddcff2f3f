// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleetmetrics

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state/statetest"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// statusIn returns a roll-up of a Cluster in a state.
func statusIn(state string) v1alpha1.ClusterStatus {
	return v1alpha1.ClusterStatus{Display: v1alpha1.ClusterDisplay{State: state}}
}

// small returns a fleet in which each number is another one.
func small(t *testing.T) *view.View {
	t.Helper()
	of := statetest.Bundle("app")
	of.Generation = 7
	of.Labels = map[string]string{v1alpha1.LabelRepoName: "web", v1alpha1.LabelCommit: "c0ffee"}
	status := v1alpha1.BundleStatus{Summary: v1alpha1.BundleSummary{
		DesiredReady: 1, ErrApplied: 2, Modified: 3, NotReady: 4, OutOfSync: 5, Pending: 6, Ready: 7, WaitApplied: 8,
	}, Display: v1alpha1.BundleDisplay{State: "Modified"}}
	app := object(of, &view.BundleStatus{BundleStatus: status})
	done := object(statetest.Bundle("done"), &view.BundleStatus{BundleStatus: v1alpha1.BundleStatus{Summary: v1alpha1.BundleSummary{DesiredReady: 9, Ready: 9}}})

	rolled := statusIn("NotReady")
	rolled.DesiredReadyGitRepos, rolled.ReadyGitRepos, rolled.DesiredReadyHelmOps, rolled.ReadyHelmOps = 1, 2, 3, 4
	rolled.ResourceCounts = v1alpha1.ResourceCounts{DesiredReady: 5, Missing: 6, Modified: 7, NotReady: 8, Orphaned: 9, Ready: 10, Unknown: 11, WaitApplied: 12}
	c1 := cluster("c1", map[string]string{labelClusterName: "c-m-1", v1alpha1.LabelClusterDisplayName: "berlin"}, rolled)
	c1.Report = seen()
	unseen := cluster("c2", nil, statusIn("NotReady"))
	homeless := cluster("c3", nil, statusIn("NotReady"))
	homeless.Derived.Namespace = ""

	g := &v1alpha1.ClusterGroup{ObjectMeta: statetest.Meta("fleet", "g")}
	group := object(g, &view.GroupStatus{ClusterGroupStatus: v1alpha1.ClusterGroupStatus{
		ClusterCount: 1, NonReadyClusterCount: 2, Summary: v1alpha1.BundleSummary{DesiredReady: 3, Ready: 4},
		ResourceCounts: v1alpha1.ResourceCounts{DesiredReady: 5, Missing: 6, Modified: 7, NotReady: 8, Orphaned: 9, Ready: 10, Unknown: 11, WaitApplied: 12},
		Display:        v1alpha1.ClusterGroupDisplay{State: "WaitApplied"},
	}})

	b := view.NewBuilder(view.Limits{Revisions: 1})
	for _, o := range []*view.Object{app, done} {
		b.Put(record.Bundles, o)
	}
	for _, o := range []*view.Object{c1, unseen, homeless} {
		b.Put(record.Clusters, o)
	}
	b.Put(record.ClusterGroups, group)
	deployed := pair(app, c1, "s-1:o")
	deployed.Report = ready(t, "s-1:o")
	b.Put(record.BundleDeployments, deployed)
	b.Put(record.BundleDeployments, pair(app, unseen, "s-1:o"))
	return b.Load(42)
}

// golden has the series of small, from the tables of S 13.8: the names, the labels in the
// order of Prometheus' clients, and the values.
const golden = `
muster_fleet_metrics_revision 42
muster_fleet_metrics_bundledeployments_left_out 0
fleet_bundle_desired_ready{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Modified"} 1
fleet_bundle_desired_ready{commit="",generation="1",name="done",namespace="fleet",repo="",state=""} 9
fleet_bundle_err_applied{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Modified"} 2
fleet_bundle_err_applied{commit="",generation="1",name="done",namespace="fleet",repo="",state=""} 0
fleet_bundle_modified{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Modified"} 3
fleet_bundle_modified{commit="",generation="1",name="done",namespace="fleet",repo="",state=""} 0
fleet_bundle_not_ready{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Modified"} 4
fleet_bundle_not_ready{commit="",generation="1",name="done",namespace="fleet",repo="",state=""} 0
fleet_bundle_out_of_sync{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Modified"} 5
fleet_bundle_out_of_sync{commit="",generation="1",name="done",namespace="fleet",repo="",state=""} 0
fleet_bundle_pending{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Modified"} 6
fleet_bundle_pending{commit="",generation="1",name="done",namespace="fleet",repo="",state=""} 0
fleet_bundle_ready{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Modified"} 7
fleet_bundle_ready{commit="",generation="1",name="done",namespace="fleet",repo="",state=""} 9
fleet_bundle_wait_applied{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Modified"} 8
fleet_bundle_wait_applied{commit="",generation="1",name="done",namespace="fleet",repo="",state=""} 0
fleet_bundle_state{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Ready"} 0
fleet_bundle_state{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="NotReady"} 0
fleet_bundle_state{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Pending"} 0
fleet_bundle_state{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="OutOfSync"} 0
fleet_bundle_state{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="Modified"} 1
fleet_bundle_state{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="WaitApplied"} 0
fleet_bundle_state{commit="c0ffee",generation="7",name="app",namespace="fleet",repo="web",state="ErrApplied"} 0
fleet_bundle_state{commit="",generation="1",name="done",namespace="fleet",repo="",state="Ready"} 0
fleet_bundle_state{commit="",generation="1",name="done",namespace="fleet",repo="",state="NotReady"} 0
fleet_bundle_state{commit="",generation="1",name="done",namespace="fleet",repo="",state="Pending"} 0
fleet_bundle_state{commit="",generation="1",name="done",namespace="fleet",repo="",state="OutOfSync"} 0
fleet_bundle_state{commit="",generation="1",name="done",namespace="fleet",repo="",state="Modified"} 0
fleet_bundle_state{commit="",generation="1",name="done",namespace="fleet",repo="",state="WaitApplied"} 0
fleet_bundle_state{commit="",generation="1",name="done",namespace="fleet",repo="",state="ErrApplied"} 0
fleet_cluster_desired_ready_git_repos{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 1
fleet_cluster_desired_ready_git_repos{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_desired_ready_helm_ops{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 3
fleet_cluster_desired_ready_helm_ops{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_ready_git_repos{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 2
fleet_cluster_ready_git_repos{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_ready_helm_ops{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 4
fleet_cluster_ready_helm_ops{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_resources_count_desiredready{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 5
fleet_cluster_resources_count_desiredready{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_resources_count_missing{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 6
fleet_cluster_resources_count_missing{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_resources_count_modified{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 7
fleet_cluster_resources_count_modified{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_resources_count_notready{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 8
fleet_cluster_resources_count_notready{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_resources_count_orphaned{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 9
fleet_cluster_resources_count_orphaned{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_resources_count_ready{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 10
fleet_cluster_resources_count_ready{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_resources_count_unknown{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 11
fleet_cluster_resources_count_unknown{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_resources_count_waitapplied{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 12
fleet_cluster_resources_count_waitapplied{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_state{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="NotReady"} 1
fleet_cluster_state{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="Ready"} 0
fleet_cluster_state{cluster_display_name="berlin",cluster_name="c-m-1",generation="1",name="c1",namespace="fleet",state="WaitCheckIn"} 0
fleet_cluster_state{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="NotReady"} 0
fleet_cluster_state{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="Ready"} 0
fleet_cluster_state{cluster_display_name="",cluster_name="",generation="1",name="c2",namespace="fleet",state="WaitCheckIn"} 1
fleet_cluster_group_bundle_desired_ready{generation="1",name="g",namespace="fleet",state="WaitApplied"} 3
fleet_cluster_group_bundle_ready{generation="1",name="g",namespace="fleet",state="WaitApplied"} 4
fleet_cluster_group_cluster_count{generation="1",name="g",namespace="fleet",state="WaitApplied"} 1
fleet_cluster_group_non_ready_cluster_count{generation="1",name="g",namespace="fleet",state="WaitApplied"} 2
fleet_cluster_group_resource_count_desired_ready{generation="1",name="g",namespace="fleet",state="WaitApplied"} 5
fleet_cluster_group_resource_count_missing{generation="1",name="g",namespace="fleet",state="WaitApplied"} 6
fleet_cluster_group_resource_count_modified{generation="1",name="g",namespace="fleet",state="WaitApplied"} 7
fleet_cluster_group_resource_count_notready{generation="1",name="g",namespace="fleet",state="WaitApplied"} 8
fleet_cluster_group_resource_count_orphaned{generation="1",name="g",namespace="fleet",state="WaitApplied"} 9
fleet_cluster_group_resource_count_ready{generation="1",name="g",namespace="fleet",state="WaitApplied"} 10
fleet_cluster_group_resource_count_unknown{generation="1",name="g",namespace="fleet",state="WaitApplied"} 11
fleet_cluster_group_resource_count_waitapplied{generation="1",name="g",namespace="fleet",state="WaitApplied"} 12
fleet_cluster_group_state{generation="1",name="g",namespace="fleet",state="NotReady"} 0
fleet_cluster_group_state{generation="1",name="g",namespace="fleet",state="Ready"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c1",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c1",repo="web",state="Ready"} 1
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c1",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c1",repo="web",state="NotReady"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c1",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c1",repo="web",state="Pending"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c1",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c1",repo="web",state="OutOfSync"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c1",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c1",repo="web",state="Modified"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c1",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c1",repo="web",state="WaitApplied"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c1",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c1",repo="web",state="ErrApplied"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c2",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c2",repo="web",state="Ready"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c2",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c2",repo="web",state="NotReady"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c2",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c2",repo="web",state="Pending"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c2",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c2",repo="web",state="OutOfSync"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c2",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c2",repo="web",state="Modified"} 0
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c2",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c2",repo="web",state="WaitApplied"} 1
fleet_bundledeployment_state{bundle="app",bundle_namespace="fleet",cluster_name="c2",cluster_namespace="fleet",commit="c0ffee",generation="GENERATION",name="app",namespace="home-c2",repo="web",state="ErrApplied"} 0
`

func TestASmallFleetHasTheSeriesOfFleet(t *testing.T) {
	t.Parallel()
	v := small(t)
	scraped := ask(t, New(&engineOf{v, nil}, all), http.MethodGet).Body.String()
	bd := v.Get(record.BundleDeployments, record.Name{Namespace: "home-c1", Name: "app"}).Render()
	want := strings.ReplaceAll(golden, "GENERATION", strconv.FormatInt(bd.GetGeneration(), 10))
	comments := regexp.MustCompile(`(?m)^#.*\n`)
	require.Equal(t, strings.TrimPrefix(want, "\n"), comments.ReplaceAllString(scraped, ""))

	// Each family has its header before its first series, and once.
	headers := regexp.MustCompile(`# HELP (\w+) [A-Z1][^\n]+\.\n# TYPE (\w+) gauge\n(\w+)[{ ]`).FindAllStringSubmatch(scraped, -1)
	require.Len(t, headers, 2+9+13+13+1)
	for _, names := range headers {
		require.Equal(t, []string{names[1], names[1], names[1]}, names[1:])
	}
	require.Len(t, comments.FindAllString(scraped, -1), 2*len(headers))
}

func TestAnEmptyFleetHasNoFamilies(t *testing.T) {
	t.Parallel()
	scraped := ask(t, New(&engineOf{view.NewBuilder(view.Limits{Revisions: 1}).Load(1), nil}, all), http.MethodGet).Body.String()
	require.NotContains(t, scraped, "fleet_bundle_")
	require.NotContains(t, scraped, "fleet_cluster_")
	require.Contains(t, scraped, "\nmuster_fleet_metrics_revision 1\n")
}
