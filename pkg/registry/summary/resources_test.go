// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

func deployedObjects(names ...string) []v1alpha1.BundleDeploymentResource {
	var out []v1alpha1.BundleDeploymentResource
	for _, name := range names {
		out = append(out, v1alpha1.BundleDeploymentResource{Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: name})
	}
	return out
}

// plenty is enough room for the objects of any test.
const plenty = 1 << 30

// all returns the objects, and panics if any is left out.
func all(deployments iter.Seq[Deployed]) []v1alpha1.DeployedResource {
	out, left := Resources(deployments, plenty)
	if left != (LeftOut{Names: left.Names}) {
		panic(left)
	}
	return out
}

// perCluster sums the reported counts of each Cluster.
func perCluster(deployments iter.Seq[Deployed]) map[string]*v1alpha1.ResourceCounts {
	sums := map[string]*v1alpha1.ResourceCounts{}
	for d := range deployments {
		if sums[d.Cluster] == nil {
			sums[d.Cluster] = &v1alpha1.ResourceCounts{}
		}
		AddResources(sums[d.Cluster], d.status().ResourceCounts)
	}
	out, _, left := PerCluster(maps.All(sums), plenty)
	if left > 0 {
		panic(left)
	}
	return out
}

// configMap returns the entry of one ConfigMap.
func configMap(name, state string, per v1alpha1.PerClusterState) v1alpha1.DeployedResource {
	return v1alpha1.DeployedResource{
		Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: name, Type: "configmap", ID: "ns/" + name, State: state, PerClusterState: per,
	}
}

func TestAnObjectHasTheStateOfItsBundleDeploymentUnlessItIsNamed(t *testing.T) {
	t.Parallel()
	on := []string{"ns/c"}
	for _, c := range []struct {
		name       string
		state      v1alpha1.BundleState
		incomplete bool
		want       string
		per        v1alpha1.PerClusterState
	}{
		{"Ready", v1alpha1.Ready, false, "Ready", v1alpha1.PerClusterState{Ready: on}},
		{"Ready with a list that was cut", v1alpha1.Ready, true, "Ready", v1alpha1.PerClusterState{Ready: on}},
		{"NotReady is because of others", v1alpha1.NotReady, false, "Ready", v1alpha1.PerClusterState{Ready: on}},
		{"NotReady with a list that was cut", v1alpha1.NotReady, true, "Unknown", v1alpha1.PerClusterState{Unknown: on}},
		{"Modified is because of others", v1alpha1.Modified, false, "Ready", v1alpha1.PerClusterState{Ready: on}},
		{"Modified with a list that was cut", v1alpha1.Modified, true, "Unknown", v1alpha1.PerClusterState{Unknown: on}},
		{"WaitApplied", v1alpha1.WaitApplied, false, "WaitApplied", v1alpha1.PerClusterState{WaitApplied: on}},
		{"Pending", v1alpha1.Pending, false, "Pending", v1alpha1.PerClusterState{Pending: on}},
		{"ErrApplied is listed nowhere", v1alpha1.ErrApplied, false, "ErrApplied", v1alpha1.PerClusterState{}},
		{"OutOfSync is listed nowhere", v1alpha1.OutOfSync, false, "OutOfSync", v1alpha1.PerClusterState{}},
	} {
		want := configMap("x", c.want, c.per)
		want.IncompleteState = c.incomplete
		require.Equal(t, []v1alpha1.DeployedResource{want}, all(slices.Values([]Deployed{{
			Cluster: "ns/c", State: c.state,
			Status: &v1alpha1.BundleDeploymentStatus{Resources: deployedObjects("x"), IncompleteState: c.incomplete},
		}})), c.name)
	}
}

func TestANamedObjectHasItsOwnState(t *testing.T) {
	t.Parallel()
	unhealthy := func(state string) []v1alpha1.NonReadyStatus {
		return []v1alpha1.NonReadyStatus{{Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: "x", Summary: v1alpha1.ObjectSummary{State: state}}}
	}
	drifted := func(m v1alpha1.ModifiedStatus) []v1alpha1.ModifiedStatus {
		m.Kind, m.APIVersion, m.Namespace, m.Name = "ConfigMap", "v1", "ns", "x"
		return []v1alpha1.ModifiedStatus{m}
	}
	on := []string{"ns/c"}
	for _, c := range []struct {
		name   string
		status v1alpha1.BundleDeploymentStatus
		want   string
		per    v1alpha1.PerClusterState
	}{
		{"NotReady", v1alpha1.BundleDeploymentStatus{NonReadyStatus: unhealthy("NotReady")}, "NotReady", v1alpha1.PerClusterState{NotReady: on}},
		{"updating", v1alpha1.BundleDeploymentStatus{NonReadyStatus: unhealthy("updating")}, "updating", v1alpha1.PerClusterState{NotReady: on}},
		{"error", v1alpha1.BundleDeploymentStatus{NonReadyStatus: unhealthy("error")}, "error", v1alpha1.PerClusterState{NotReady: on}},
		{"other states are listed nowhere", v1alpha1.BundleDeploymentStatus{NonReadyStatus: unhealthy("in-progress")}, "in-progress", v1alpha1.PerClusterState{}},
		{"changed", v1alpha1.BundleDeploymentStatus{ModifiedStatus: drifted(v1alpha1.ModifiedStatus{Patch: "{}"})}, "Modified", v1alpha1.PerClusterState{Modified: on}},
		{"absent", v1alpha1.BundleDeploymentStatus{ModifiedStatus: drifted(v1alpha1.ModifiedStatus{Create: true})}, "Missing", v1alpha1.PerClusterState{Missing: on}},
		{"owned by another release", v1alpha1.BundleDeploymentStatus{ModifiedStatus: drifted(v1alpha1.ModifiedStatus{Create: true, Exist: true})}, "Missing", v1alpha1.PerClusterState{Missing: on}},
		{"left over", v1alpha1.BundleDeploymentStatus{ModifiedStatus: drifted(v1alpha1.ModifiedStatus{Delete: true})}, "Orphaned", v1alpha1.PerClusterState{Orphaned: on}},
		{"left over and absent", v1alpha1.BundleDeploymentStatus{ModifiedStatus: drifted(v1alpha1.ModifiedStatus{Delete: true, Create: true})}, "Orphaned", v1alpha1.PerClusterState{Orphaned: on}},
		{"modified comes before not healthy", v1alpha1.BundleDeploymentStatus{NonReadyStatus: unhealthy("updating"), ModifiedStatus: drifted(v1alpha1.ModifiedStatus{})}, "Modified", v1alpha1.PerClusterState{Modified: on}},
	} {
		want := []v1alpha1.DeployedResource{configMap("x", c.want, c.per)}
		for _, listed := range [][]v1alpha1.BundleDeploymentResource{nil, deployedObjects("x"), deployedObjects("x", "x")} {
			c.status.Resources = listed
			require.Equal(t, want, all(slices.Values([]Deployed{{Cluster: "ns/c", State: v1alpha1.WaitApplied, Status: &c.status}})), c.name)
		}
	}
}

func TestObjectsAreJoinedOverClustersInTheirOrder(t *testing.T) {
	t.Parallel()
	at := func(cluster string, state v1alpha1.BundleState, names ...string) Deployed {
		return Deployed{Cluster: cluster, State: state, Status: &v1alpha1.BundleDeploymentStatus{Resources: deployedObjects(names...)}}
	}
	deployments := []Deployed{
		at("ns/c", v1alpha1.WaitApplied, "x"),
		at("ns/d", v1alpha1.ErrApplied, "x"),
		at("ns/a", v1alpha1.Ready, "y", "x"),
		at("ns/b", v1alpha1.Ready, "x"),
		at("ns/a", v1alpha1.Pending, "y"),
		{Cluster: "ns/e", State: v1alpha1.WaitApplied},
	}
	require.Equal(t, []v1alpha1.DeployedResource{
		configMap("x", "WaitApplied", v1alpha1.PerClusterState{Ready: []string{"ns/a", "ns/b"}, WaitApplied: []string{"ns/c"}}),
		configMap("y", "Pending", v1alpha1.PerClusterState{Ready: []string{"ns/a"}, Pending: []string{"ns/a"}}),
	}, all(slices.Values(deployments)), "the first Cluster on which an object is not Ready gives the state")
	require.Nil(t, all(slices.Values([]Deployed(nil))))
	require.Nil(t, all(slices.Values(deployments[5:])))
}

func TestTypesAndIDsOfObjects(t *testing.T) {
	t.Parallel()
	status := v1alpha1.BundleDeploymentStatus{Resources: []v1alpha1.BundleDeploymentResource{
		{Kind: "Deployment", APIVersion: "apps/v1", Namespace: "ns", Name: "d"},
		{Kind: "ClusterRole", APIVersion: "rbac.authorization.k8s.io/v1", Name: "r"},
		{Kind: "Secret", APIVersion: "v1", Namespace: "ns", Name: "s"},
		{Kind: "Odd", Name: "o"},
		{Kind: "HorizontalPodAutoscaler", APIVersion: "autoscaling/v2", Name: "h"},
		{Kind: "HorizontalPodAutoscaler", APIVersion: "autoscaling/v1", Name: "h"},
	}}
	var got []string
	for _, r := range all(slices.Values([]Deployed{{Cluster: "ns/c", State: v1alpha1.Ready, Status: &status}})) {
		got = append(got, r.Type+"/"+r.ID+" "+r.APIVersion)
	}
	require.Equal(t, []string{
		"apps.deployment/ns/d apps/v1",
		"autoscaling.horizontalpodautoscaler/h autoscaling/v1",
		"autoscaling.horizontalpodautoscaler/h autoscaling/v2",
		"odd/o ",
		"rbac.authorization.k8s.io.clusterrole/r rbac.authorization.k8s.io/v1",
		"secret/ns/s v1",
	}, got)
}

func TestClusterNamesBeyondAMebibyteAreDropped(t *testing.T) {
	t.Parallel()
	// 1024 Clusters with names of 256 bytes: four objects take one mebibyte.
	name := func(i int) string { return fmt.Sprintf("ns/%0253d", i) }
	status := v1alpha1.BundleDeploymentStatus{Resources: deployedObjects("a", "b", "c", "d", "e")}
	var deployments []Deployed
	for i := range 1024 {
		deployments = append(deployments, Deployed{Cluster: name(i), State: v1alpha1.Ready, Status: &status})
	}
	deployments[3].State = v1alpha1.WaitApplied
	got := all(slices.Values(deployments))
	require.Len(t, got, 5)
	require.Equal(t, configMap("a", "WaitApplied", v1alpha1.PerClusterState{}), got[0], "the state is that of all Clusters, listed or not")
	for _, r := range got[1:] {
		require.Len(t, r.PerClusterState.Ready, 1023)
		require.Equal(t, []string{name(3)}, r.PerClusterState.WaitApplied)
	}

	// With one byte less, one more name fits.
	deployments[1023].Cluster = strings.TrimSuffix(name(1023), "3")
	got = all(slices.Values(deployments))
	require.Equal(t, []string{name(0)}, got[0].PerClusterState.Ready)
	require.Empty(t, got[0].PerClusterState.WaitApplied)
	require.Equal(t, "WaitApplied", got[0].State)
}

func TestTheOrderOfDeploymentsOfDifferentClustersDoesNotMatter(t *testing.T) {
	t.Parallel()
	random := replay.Rand(t)
	for range 20 {
		var deployments []Deployed
		for i := range 30 {
			deployments = append(deployments, Deployed{Cluster: fmt.Sprintf("ns/%02d", i), State: ranking[random.IntN(len(ranking))], Status: someReport(random)})
		}
		want, counts := all(slices.Values(deployments)), perCluster(slices.Values(deployments))
		random.Shuffle(len(deployments), func(i, j int) { deployments[i], deployments[j] = deployments[j], deployments[i] })
		require.Equal(t, want, all(slices.Values(deployments)))
		require.Equal(t, counts, perCluster(slices.Values(deployments)))
		require.True(t, slices.IsSortedFunc(want, func(a, b v1alpha1.DeployedResource) int { return strings.Compare(a.Type+"/"+a.ID, b.Type+"/"+b.ID) }))
	}
}

func someReport(r *rand.Rand) *v1alpha1.BundleDeploymentStatus {
	if r.IntN(5) == 0 {
		return nil
	}
	status := v1alpha1.BundleDeploymentStatus{IncompleteState: r.IntN(4) == 0, ResourceCounts: someCounts(r)}
	for range r.IntN(6) {
		status.Resources = append(status.Resources, deployedObjects(fmt.Sprint("x", r.IntN(9)))...)
		if r.IntN(3) == 0 {
			status.ModifiedStatus = append(status.ModifiedStatus, v1alpha1.ModifiedStatus{
				Kind: "ConfigMap", APIVersion: "v1", Namespace: "ns", Name: fmt.Sprint("x", r.IntN(9)), Create: r.IntN(2) == 0, Delete: r.IntN(3) == 0,
			})
		}
	}
	return &status
}

func TestCountsOfEachCluster(t *testing.T) {
	t.Parallel()
	report := func(n int) *v1alpha1.BundleDeploymentStatus {
		return &v1alpha1.BundleDeploymentStatus{ResourceCounts: v1alpha1.ResourceCounts{
			Ready: n, DesiredReady: 2 * n, WaitApplied: 3 * n, Modified: 4 * n, Orphaned: 5 * n, Missing: 6 * n, Unknown: 7 * n, NotReady: 8 * n,
		}}
	}
	require.Equal(t, map[string]*v1alpha1.ResourceCounts{
		"ns/a": {Ready: 11, DesiredReady: 22, WaitApplied: 33, Modified: 44, Orphaned: 55, Missing: 66, Unknown: 77, NotReady: 88},
		"ns/b": {Ready: 5, DesiredReady: 10, WaitApplied: 15, Modified: 20, Orphaned: 25, Missing: 30, Unknown: 35, NotReady: 40},
		"ns/c": {},
	}, perCluster(slices.Values([]Deployed{
		{Cluster: "ns/a", Status: report(1)}, {Cluster: "ns/b", Status: report(5)}, {Cluster: "ns/c"}, {Cluster: "ns/a", Status: report(10)},
	})))
	require.Nil(t, perCluster(slices.Values([]Deployed(nil))))
}

// BenchmarkResources measures what one read of a GitRepo costs, with ten objects on each of
// many Clusters.
func BenchmarkResources(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint("clusters=", n), func(b *testing.B) {
			var deployments []Deployed
			for i := range n {
				status := v1alpha1.BundleDeploymentStatus{Resources: deployedObjects("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")}
				deployments = append(deployments, Deployed{Cluster: fmt.Sprintf("fleet-default/cluster-%05d", i), State: v1alpha1.Ready, Status: &status})
			}
			b.ReportAllocs()
			for b.Loop() {
				if len(all(slices.Values(deployments))) != 10 {
					b.Fatal("objects are missing")
				}
			}
		})
	}
}
