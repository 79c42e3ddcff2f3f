// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// forged holds derived fields of each kind, as a client might send them.
var forged = map[string]string{
	"bundles":       `"summary":{"ready":7,"desiredReady":7},"unavailable":3,"display":{"readyClusters":"7/7"},"observedGeneration":9,"resourcesSha256Sum":"x"`,
	"clusters":      `"summary":{"ready":7,"desiredReady":7},"readyGitRepos":3,"display":{"readyBundles":"7/7"},"resourceCounts":{"ready":5}`,
	"clustergroups": `"summary":{"ready":7,"desiredReady":7},"clusterCount":3,"display":{"readyClusters":"7/7"}`,
	"gitrepos":      `"summary":{"ready":7,"desiredReady":7},"readyClusters":3,"display":{"state":"Ready"},"resources":[{"kind":"Secret"}],"perClusterResourceCounts":{"a/b":{"ready":1}}`,
	"helmops":       `"summary":{"ready":7,"desiredReady":7},"readyClusters":3,"display":{"state":"Ready"}`,
}

func TestDerivedFieldsOfAStatusAreIgnored(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		derived, ok := forged[k.Plural]
		if !ok {
			return
		}
		patch := func(patch string) *unstructured.Unstructured { return merge(t, c, "one", patch, "status") }
		one := create(t, c, k.object("one"))
		w := watching(t, c, metav1.ListOptions{ResourceVersion: one.GetResourceVersion()})

		// Alone they write nothing, and give no field an owner.
		require.Equal(t, one, patch(`{"status":{`+derived+`}}`))
		const ready = `{"type":"Ready","status":"False","reason":"Error","message":"forged"}`
		require.Equal(t, one, patch(`{"status":{"conditions":[`+ready+`]}}`))

		// Together with a fact, only the fact counts.
		two := patch(string(marshal(t, map[string]any{"status": k.status})))
		require.NotEqual(t, one.GetResourceVersion(), two.GetResourceVersion())
		require.Equal(t, two, w.expect(watch.Modified, "one"))
		require.Equal(t, two, patch(`{"status":{`+derived+`}}`))

		// A client sends back what it read, with changes of its own.
		sent := two.DeepCopy()
		require.NoError(t, unstructured.SetNestedField(sent.Object, int64(7), "status", "summary", "ready"))
		require.Equal(t, two, updateStatus(t, c, sent))
		w.quietUntil(func() { create(t, c, k.object("mark")) }, watch.Added, "mark")
	})
}

// cells returns the rows of a table, by name.
func cells(t *testing.T, s *server, path string) map[string][]any {
	t.Helper()
	var table metav1.Table
	s.getAs(t, asTable, path, &table)
	out := map[string][]any{}
	for _, row := range table.Rows {
		out[row.Cells[0].(string)] = row.Cells[1:]
	}
	return out
}

// rolledUp creates a GitRepo with a Bundle on two of three Clusters, and their group.
func rolledUp(t *testing.T, c versioned.Interface, ns string) {
	t.Helper()
	repo := &v1alpha1.GitRepo{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "repo"}}
	repo.Spec.Repo = "https://git"
	_, err := c.FleetV1alpha1().GitRepos(ns).Create(t.Context(), repo, metav1.CreateOptions{})
	require.NoError(t, err)
	app := bundle(ns, "app", "env", "prod")
	app.Labels = map[string]string{v1alpha1.LabelRepoName: "repo"}
	createBundle(t, c, app)
	createCluster(t, c, cluster(ns, "c1", "env", "prod", "group", "g"))
	createCluster(t, c, cluster(ns, "c2", "env", "prod", "group", "g"))
	createCluster(t, c, cluster(ns, "c3", "env", "test", "group", "g"))
	createGroup(t, c, ns, "g", selector("group", "g"))
}

func TestTablesShowWhatReportsMean(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	rolledUp(t, c, ns)
	path := "/namespaces/" + ns + "/"
	require.Equal(t, []any{"0/2", "WaitApplied(2) [Cluster " + ns + "/c1]"}, cells(t, s, path+"bundles")["app"])
	require.Equal(t, []any{"0/1", nil, "WaitApplied(1) [Bundle app]"}, cells(t, s, path+"clusters")["c1"])
	require.Equal(t, []any{"0/0", nil, nil}, cells(t, s, path+"clusters")["c3"])
	require.Equal(t, []any{"1/3 (c1,c2)", "0/2", "WaitApplied(2) [Bundle app]"}, cells(t, s, path+"clustergroups")["g"])
	// A False condition of a Bundle takes precedence over that of the GitRepo.
	require.Equal(t, []any{"https://git", nil, "0/2", "WaitApplied(2) [Cluster " + ns + "/c1]"}, cells(t, s, path+"gitrepos")["repo"])

	for _, name := range []string{"c1", "c2"} {
		deployments := s.resource(t, "bundledeployments", home(ns, name))
		id, _, _ := unstructured.NestedString(get(t, deployments, "app").Object, "spec", "deploymentID")
		report(t, deployments, `{"status":{"appliedDeploymentID":"`+id+`","ready":true,"nonModified":true,"resourceCounts":{"ready":1,"desiredReady":1},`+
			`"resources":[{"kind":"ConfigMap","apiVersion":"v1","namespace":"d","name":"a"}]}}`)
	}
	require.Equal(t, []any{"2/2", nil}, cells(t, s, path+"bundles")["app"])
	require.Equal(t, []any{"1/1", nil, nil}, cells(t, s, path+"clusters")["c1"])
	require.Equal(t, []any{"3/3", "2/2", nil}, cells(t, s, path+"clustergroups")["g"])
	require.Equal(t, []any{"https://git", nil, "2/2", nil}, cells(t, s, path+"gitrepos")["repo"])

	repo := fetch(t, c.FleetV1alpha1().GitRepos(ns), "repo")
	require.Len(t, repo.Status.Resources, 1)
	require.Equal(t, "Ready", repo.Status.Resources[0].State)
	require.Equal(t, v1alpha1.ResourceCounts{Ready: 2, DesiredReady: 2}, repo.Status.ResourceCounts)
	require.Equal(t, &v1alpha1.ResourceCounts{Ready: 1, DesiredReady: 1}, repo.Status.PerClusterResourceCounts[ns+"/c2"])
	require.Equal(t, []int{2, 2}, []int{repo.Status.ReadyClusters, repo.Status.DesiredReadyClusters})
	read := fetch(t, c.FleetV1alpha1().Clusters(ns), "c1")
	require.Equal(t, []int{1, 1}, []int{read.Status.ReadyGitRepos, read.Status.DesiredReadyGitRepos})
	require.Equal(t, "WaitCheckIn", read.Status.Display.State, "its agent has not been seen")
	got := fetch(t, c.FleetV1alpha1().Bundles(ns), "app")
	require.Len(t, got.Status.ResourcesSHA256Sum, 64)
	require.Equal(t, got.Generation, got.Status.ObservedGeneration)
	require.Equal(t, []v1alpha1.PartitionStatus{{
		Name: "All", Count: 2, MaxUnavailable: 2, Summary: v1alpha1.BundleSummary{Ready: 2, DesiredReady: 2},
	}}, got.Status.PartitionStatus)
}
