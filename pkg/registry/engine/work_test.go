// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// changed counts the changes of the last revision, by resource.
func changed(v *view.View) map[string]int {
	out := map[string]int{}
	if r := v.Exactly(v.Revision); r != nil {
		for _, resource := range allResources {
			if n := len(r.Changes(resource, "", "")); n > 0 {
				out[resource] = n
			}
		}
	}
	return out
}

// TestEditsDoNoWorkForWhatTheyDoNotAffect is about the case of the original
// report: 3,001 Bundles and 3 Clusters.
func TestEditsDoNoWorkForWhatTheyDoNotAffect(t *testing.T) {
	t.Parallel()
	batch := fleet(t, 3000, 3, false)
	s, v := loadFleet(batch)
	require.Equal(t, 9000, v.Len(record.BundleDeployments))
	cluster := func(number int, labels map[string]string) *v1alpha1.Cluster {
		c := clusterOf(fmt.Sprintf("cluster-%05d", number), map[string]string{"env": "prod", "number": fmt.Sprint(number)})
		for key, value := range labels {
			c.Labels[key] = value
		}
		return c
	}
	paused := bundleOf("bundle-00007", where("env", "prod"))
	paused.Spec.Paused, paused.Generation = true, 2
	hidden := bundleOf("bundle-00008", where("env", "prod"))
	hidden.Labels = map[string]string{"objectset.rio.cattle.io/hash": "1"}
	group := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("fleet", "all")}
	group.Spec.Selector = where("env", "prod").ClusterSelector
	// Each step follows the one before.
	for _, step := range []struct {
		name      string
		edit      record.APIObject
		evaluated int
		changed   map[string]int
	}{
		// The Bundle counts its BundleDeployments, and the Cluster does.
		{"a label that one bundle selects", cluster(1, map[string]string{"extra": "yes"}), 1, map[string]int{record.Clusters: 1, record.BundleDeployments: 1, record.Bundles: 1}},
		{"a label that none selects", cluster(1, map[string]string{"extra": "yes", "other": "1"}), 0, map[string]int{record.Clusters: 1}},
		{"the label goes", cluster(1, nil), 1, map[string]int{record.Clusters: 1, record.BundleDeployments: 1, record.Bundles: 1}},
		{"a bundle is paused, and goes with its three pairs", paused, 3, map[string]int{record.Bundles: 1, record.BundleDeployments: 3}},
		{"a bundle gets a label that does not show", hidden, 3, map[string]int{record.Bundles: 1}},
		{"a group that no bundle asks for", group, 0, map[string]int{record.ClusterGroups: 1}},
		{"a mapping that selects nothing is looked up for every bundle of its namespace only", &v1alpha1.BundleNamespaceMapping{ObjectMeta: metaOf("elsewhere", "m")}, 0, map[string]int{record.Mappings: 1}},
		{"a policy elsewhere", &v1alpha1.Policy{ObjectMeta: metaOf("elsewhere", "p")}, 0, map[string]int{record.Policies: 1}},
	} {
		before := s.evaluated
		v := s.edit(t, step.edit)
		require.Equal(t, step.changed, changed(v), step.name)
		require.Equal(t, step.evaluated, s.evaluated-before, step.name)
	}
}

// TestAHeartbeatTouchesOneObject: neither targeting nor a roll-up looks at it.
func TestAHeartbeatTouchesOneObject(t *testing.T) {
	t.Parallel()
	s, _ := loadFleet(fleet(t, 100, 50, true))
	before, c := s.evaluated, s.clusters[record.Name{Namespace: "fleet", Name: "cluster-00007"}]
	was := *c
	for i, say := range []func(*v1alpha1.ClusterStatus){
		func(status *v1alpha1.ClusterStatus) { status.Agent.LastSeen = metav1.Unix(1, 0) },
		func(status *v1alpha1.ClusterStatus) { status.Agent.LastSeen = metav1.Unix(2, 0) },
	} {
		status := &v1alpha1.Cluster{}
		say(&status.Status)
		data, err := (&record.Report{Status: status, UID: c.object.UID}).Encode()
		require.NoError(t, err)
		revision := s.revision + 1
		s.apply(etcd.Batch{Revision: revision, Records: []etcd.Record{{Key: record.ReportKey(record.Clusters, c.name), Value: data, Revision: revision}}})
		v := s.builder.Next(revision)
		require.Equal(t, map[string]int{record.Clusters: 1}, changed(v))
		display := v.Get(record.Clusters, c.name).Render().(*v1alpha1.Cluster).Status.Display
		require.Equal(t, v1alpha1.ClusterDisplay{ReadyBundles: "0/100", State: "WaitApplied"}, display, "beat %d", i)
	}
	require.Equal(t, before, s.evaluated)
	require.Equal(t, was, *c)
}

// TestAReportIsTold: to the watchers of the BundleDeployment, and of what counts it.
func TestAReportIsTold(t *testing.T) {
	t.Parallel()
	batch := fleet(t, 30, 20, false)
	app := bundleOf("app", where("env", "prod"))
	app.Labels = map[string]string{v1alpha1.LabelRepoName: "repo"}
	repo := &v1alpha1.GitRepo{ObjectMeta: metaOf("fleet", "repo")}
	repo.Spec.Repo = "https://git"
	group, other := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("fleet", "all")}, &v1alpha1.ClusterGroup{ObjectMeta: metaOf("fleet", "none")}
	group.Spec.Selector, other.Spec.Selector = where("env", "prod").ClusterSelector, where("env", "test").ClusterSelector
	for _, object := range []record.APIObject{app, repo, group, other} {
		batch.Records = append(batch.Records, encoded(t, object, 1))
	}
	s, v := loadFleet(batch)
	c := s.clusters[record.Name{Namespace: "fleet", Name: "cluster-00007"}]
	name := record.Name{Namespace: c.face.Namespace, Name: "app"}
	bd := v.Get(record.BundleDeployments, name).Render().(*v1alpha1.BundleDeployment)
	all := map[string]int{record.BundleDeployments: 1, record.Bundles: 1, record.Clusters: 1, record.ClusterGroups: 1, record.GitRepos: 1}
	status := v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: bd.Spec.DeploymentID}
	// Each step follows the one before.
	for _, step := range []struct {
		name    string
		say     func()
		changed map[string]int
	}{
		{"it is applied", func() {}, all},
		{"it has another release, which no roll-up shows", func() { status.Release = "x" }, map[string]int{record.BundleDeployments: 1}},
		{"it is ready", func() { status.Ready, status.NonModified = true, true }, all},
		{"it names a resource, which a GitRepo shows", func() {
			status.Resources = []v1alpha1.BundleDeploymentResource{{Kind: "ConfigMap", APIVersion: "v1", Namespace: "d", Name: "m"}}
		}, map[string]int{record.BundleDeployments: 1, record.GitRepos: 1}},
		{
			"it counts a resource, which a Bundle does not show", func() { status.ResourceCounts.DesiredReady++ },
			map[string]int{record.BundleDeployments: 1, record.Clusters: 1, record.ClusterGroups: 1, record.GitRepos: 1},
		},
	} {
		step.say()
		report := &v1alpha1.BundleDeployment{Status: status}
		data, err := (&record.Report{Status: report, UID: bd.UID}).Encode()
		require.NoError(t, err)
		revision := s.revision + 1
		s.apply(etcd.Batch{Revision: revision, Records: []etcd.Record{{Key: record.ReportKey(record.BundleDeployments, name), Value: data, Revision: revision}}})
		require.Equal(t, step.changed, changed(s.builder.Next(revision)), step.name)
	}
}

// TestTemplatesAreEvaluatedOnOneClusterOnly: an edit of labels evaluates what is
// templated, on that cluster.
func TestTemplatesAreEvaluatedOnOneClusterOnly(t *testing.T) {
	t.Parallel()
	s, _ := loadFleet(fleet(t, 100, 50, true))
	before := s.evaluated
	c := clusterOf("cluster-00007", map[string]string{"env": "prod", "number": "8"})
	require.Equal(t, map[string]int{record.Clusters: 1}, changed(s.edit(t, c)), "the templates say the same as before")
	require.Equal(t, 10, s.evaluated-before)
}
