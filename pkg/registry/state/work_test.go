// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

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

// TestEditsDoNoWorkForUnaffectedObjects covers the case of the original report: 3,001 Bundles
// and 3 Clusters.
func TestEditsDoNoWorkForUnaffectedObjects(t *testing.T) {
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
	// Each step follows the one before.
	for _, step := range []struct {
		name      string
		edit      record.APIObject
		evaluated int
		changed   map[string]int
	}{
		// The Bundle and the Cluster both count their BundleDeployments.
		{"a label that one bundle selects", cluster(1, map[string]string{"extra": "yes"}), 1, map[string]int{record.Clusters: 1, record.BundleDeployments: 1, record.Bundles: 1}},
		{"a label that none selects", cluster(1, map[string]string{"extra": "yes", "other": "1"}), 0, map[string]int{record.Clusters: 1}},
		{"the label goes", cluster(1, nil), 1, map[string]int{record.Clusters: 1, record.BundleDeployments: 1, record.Bundles: 1}},
		{"a bundle is paused, and goes with its three pairs", paused, 3, map[string]int{record.Bundles: 1, record.BundleDeployments: 3}},
		{"a bundle gets a label that does not show", hidden, 3, map[string]int{record.Bundles: 1}},
		{"a group that no bundle asks for", groupOf("all", "env", "prod"), 0, map[string]int{record.ClusterGroups: 1}},
		{"a mapping that selects nothing is looked up for every bundle of its namespace only", &v1alpha1.BundleNamespaceMapping{ObjectMeta: metaOf("elsewhere", "m")}, 0, map[string]int{record.Mappings: 1}},
		{"a policy elsewhere", &v1alpha1.Policy{ObjectMeta: metaOf("elsewhere", "p")}, 0, map[string]int{record.Policies: 1}},
	} {
		before := s.evaluated
		v := s.edit(t, step.edit)
		require.Equal(t, step.changed, changed(v), step.name)
		require.Equal(t, step.evaluated, s.evaluated-before, step.name)
	}
}

// TestAHeartbeatTouchesOneObject checks that neither targeting nor a roll-up reads it.
func TestAHeartbeatTouchesOneObject(t *testing.T) {
	t.Parallel()
	s, _ := loadFleet(fleet(t, 100, 50, true))
	before, c := s.evaluated, s.clusters[record.Name{Namespace: "fleet", Name: "cluster-00007"}]
	was := *c
	for beat := range int64(2) {
		status := &v1alpha1.Cluster{}
		status.Status.Agent.LastSeen = metav1.Unix(1+beat, 0)
		data, err := (&record.Report{Status: status, UID: c.object.UID}).Encode()
		require.NoError(t, err)
		v := s.arrive(etcd.Record{Key: record.ReportKey(record.Clusters, c.name), Value: data, Revision: s.revision + 1})
		require.Equal(t, map[string]int{record.Clusters: 1}, changed(v))
		display := v.Get(record.Clusters, c.name).Render().(*v1alpha1.Cluster).Status.Display
		require.Equal(t, v1alpha1.ClusterDisplay{ReadyBundles: "0/100", State: "WaitApplied"}, display, "beat %d", beat)
	}
	require.Equal(t, before, s.evaluated)
	require.Equal(t, was, *c)
}

// TestAReportReachesItsWatchers checks the watchers of the BundleDeployment, and of the
// objects that count it.
func TestAReportReachesItsWatchers(t *testing.T) {
	t.Parallel()
	batch := fleet(t, 30, 20, false)
	app := bundleOf("app", where("env", "prod"))
	app.Labels = map[string]string{v1alpha1.LabelRepoName: "repo"}
	repo := &v1alpha1.GitRepo{ObjectMeta: metaOf("fleet", "repo")}
	repo.Spec.Repo = "https://git"
	for _, object := range []record.APIObject{app, repo, groupOf("all", "env", "prod"), groupOf("none", "env", "test")} {
		batch.Records = append(batch.Records, encoded(t, object, 1))
	}
	s, v := loadFleet(batch)
	name := s.clusters[record.Name{Namespace: "fleet", Name: "cluster-00007"}].deploymentOf("app")
	bd := v.Get(record.BundleDeployments, name).Render().(*v1alpha1.BundleDeployment)
	all := map[string]int{record.BundleDeployments: 1, record.Bundles: 1, record.Clusters: 1, record.ClusterGroups: 1, record.GitRepos: 1}
	bd.Status = v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: bd.Spec.DeploymentID}
	status := &bd.Status
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
		require.Equal(t, step.changed, changed(s.arrive(onReport(t, bd, s.revision+1))), step.name)
	}
}

// TestTemplatesAreEvaluatedOnlyIfTheyReadAChange checks that they are evaluated only on the
// cluster that changed.
func TestTemplatesAreEvaluatedOnlyIfTheyReadAChange(t *testing.T) {
	t.Parallel()
	batch := fleet(t, 100, 50, true) // ten of them read the label env
	for name, text := range map[string]string{
		"tier":       "${ index .ClusterLabels `tier` }",
		"stands-for": "global.fleet.clusterLabels.tier",
		"all-labels": "${ toJson .ClusterLabels }",
		"note":       "${ get .ClusterAnnotations `note` }",
		"value":      "${ dig `a` `b` `none` .ClusterValues }",
		"everything": "${ len . }",
		"name":       "${ .ClusterName }",
		"failing":    "${ fail .ClusterLabels.number }",
	} {
		batch.Records = append(batch.Records, encoded(t, templatedBy(bundleOf(name, where("env", "prod")), text), 1))
	}
	s, v := loadFleet(batch)
	require.Equal(t, 107*50, v.Len(record.BundleDeployments), "one fails everywhere")
	c := clusterOf("cluster-00007", map[string]string{"env": "prod", "number": "7"})
	// Each step follows the one before.
	for _, step := range []struct {
		name      string
		edit      func()
		evaluated int
		changed   int
	}{
		{"nothing", func() {}, 0, 0},
		{"a label that few read", func() { c.Labels["number"] = "8" }, 3, 1},
		{"a label that others read", func() { c.Labels["tier"] = "gold" }, 4, 3},
		{"a label that is hidden", func() { c.Labels["objectset.rio.cattle.io/hash"] = "1" }, 0, 0},
		{"a label that many read and select", func() { c.Labels["env"] = "test" }, 108, 107},
		{"it is as before", func() { c.Labels["env"] = "prod" }, 108, 107},
		{"an annotation that is read", func() { c.Annotations = map[string]string{"note": "n"} }, 2, 1},
		{"an annotation that is not", func() { c.Annotations["other"] = "o" }, 1, 0},
		{"an annotation that is hidden", func() { c.Annotations["fleet.cattle.io/x"] = "y" }, 0, 0},
		{"a value that is read", func() {
			c.Spec.TemplateValues = &v1alpha1.GenericMap{Data: map[string]any{"a": map[string]any{"b": "c"}}}
		}, 2, 1},
		{"a value that is not", func() { c.Spec.TemplateValues.Data["d"] = "e" }, 1, 0},
		{"no label that shows is left", func() { c.Labels = map[string]string{"objectset.rio.cattle.io/hash": "1"} }, 108, 107},
	} {
		step.edit()
		before := s.evaluated
		v := s.edit(t, c.DeepCopy())
		require.Equal(t, step.changed, changed(v)[record.BundleDeployments], step.name)
		require.Equal(t, step.evaluated, s.evaluated-before, step.name)
	}
}

// TestAVersionsTemplatesAreForgottenWithIt checks that for matches that came later too.
func TestAVersionsTemplatesAreForgottenWithIt(t *testing.T) {
	t.Parallel()
	b := templatedBy(bundleOf("app", where("env", "prod"), where("env", "test")), "${ .ClusterLabels.number }")
	b.Spec.Targets[1].Helm = &v1alpha1.HelmOptions{TemplateValues: map[string]string{"t": "${ .ClusterLabels.tier }"}}
	batch := fleet(t, 0, 2, false)
	batch.Records = append(batch.Records, encoded(t, b, 1))
	s, _ := loadFleet(batch)
	evaluated := func(object record.APIObject) int {
		before := s.evaluated
		s.edit(t, object)
		return s.evaluated - before
	}
	require.Len(t, s.index.readers, 1, "no cluster is in test yet")
	require.Equal(t, 1, evaluated(clusterOf("cluster-00001", map[string]string{"env": "test", "number": "1", "tier": "a"})))
	require.Len(t, s.index.readers, 2)
	require.Equal(t, 1, evaluated(clusterOf("cluster-00001", map[string]string{"env": "test", "number": "1", "tier": "b"})))
	require.Equal(t, 1, evaluated(clusterOf("cluster-00000", map[string]string{"env": "prod", "number": "0", "tier": "b"})), "the version reads it, on another cluster")

	plain := bundleOf("app", where("env", "prod"))
	plain.Generation = 2
	evaluated(plain)
	require.Empty(t, s.index.readers)
	require.Zero(t, evaluated(clusterOf("cluster-00000", map[string]string{"env": "prod", "number": "3"})))
}
