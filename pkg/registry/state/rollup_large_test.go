// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/ledger"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/replay"
)

const (
	// manyClusters exceeds 200, from which on partitions are automatic. It also exceeds what
	// one leaf of sums holds, and what any list shows.
	manyClusters = 280
	manyEdits    = 600
	// comparedEach is the number of edits after which everything is computed from full lists.
	comparedEach = 12
)

// crowd is a history in which every edit affects many Clusters.
type crowd struct{ *history }

func (c crowd) clusterName() record.Name {
	return record.Name{Namespace: "n1", Name: fmt.Sprintf("k%03d", c.IntN(manyClusters))}
}

// planned returns a write as the store makes it, nil if it must wait for a roll-out.
func (c crowd) planned(p Proposal) *etcd.Txn {
	txn := c.j.unplanned(c.edits.t, p)
	plan, err := c.j.planner.Plan(context.Background(), p)
	if err != nil {
		return nil
	}
	maps.Copy(txn.Put, plan.Put)
	txn.Delete = append(txn.Delete, plan.Delete...)
	return txn
}

// cluster returns the write or the deletion of a Cluster.
func (c crowd) cluster(name record.Name) Proposal {
	p := Proposal{Resource: record.Clusters, Name: name}
	r, k, exists := stored[v1alpha1.Cluster](c.edits, record.Clusters, name)
	if exists && c.oneIn(5) {
		return p
	}
	k.Labels = map[string]string{"env": pick(c.universe, "x", "x", "x", "y"), "tier": pick(c.universe, "x", "y")}
	k.Spec.Paused = c.oneIn(20)
	p.Object = r
	return p
}

// obey reports that agents have applied what they should, without trouble.
func (c crowd) obey(txn *etcd.Txn, agents int) {
	for item := range c.j.view.All(record.BundleDeployments, record.Name{}) {
		if c.IntN(c.j.view.Len(record.BundleDeployments)) >= agents {
			continue
		}
		bd := c.served(item).(*v1alpha1.BundleDeployment)
		status := &v1alpha1.BundleDeployment{}
		status.Status = v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: bd.Spec.DeploymentID, Ready: true, NonModified: true}
		status.Status.Resources = []v1alpha1.BundleDeploymentResource{{Kind: "ConfigMap", APIVersion: "v1", Namespace: "d", Name: "m1"}}
		status.Status.ResourceCounts = v1alpha1.ResourceCounts{Ready: 1, DesiredReady: 1}
		put(c.edits.t, txn, record.ReportKey(record.BundleDeployments, item.Name()), &record.Report{Status: status, UID: bd.UID})
	}
}

// bundle returns a version of a Bundle for most Clusters, with a random roll-out strategy.
func (c crowd) bundle(name string) Proposal {
	key := record.Name{Namespace: "n1", Name: name}
	r, b, _ := stored[v1alpha1.Bundle](c.edits, record.Bundles, key)
	b.Generation++
	b.Labels = map[string]string{v1alpha1.LabelRepoName: "repo"}
	if c.oneIn(3) {
		b.Labels = map[string]string{v1alpha1.LabelHelmOpName: "op"}
	}
	tenth, fifth, threshold := intstr.FromString("10%"), intstr.FromString("20%"), 40
	b.Spec = v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{where("env", "x")}, Paused: c.oneIn(8)}
	b.Spec.TargetNamespace = pick(c.universe, "t1", "t2")
	b.Spec.RolloutStrategy = pick(c.universe,
		nil,
		&v1alpha1.RolloutStrategy{AutoPartitionSize: &fifth, AutoPartitionThreshold: &threshold, MaxUnavailable: &tenth},
		&v1alpha1.RolloutStrategy{AutoPartitionThreshold: &threshold, MaxUnavailablePartitions: &fifth},
		&v1alpha1.RolloutStrategy{MaxUnavailable: &tenth, Partitions: []v1alpha1.Partition{
			{Name: "first", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: where("tier", "x").ClusterSelector}, MaxUnavailable: &fifth},
			{Name: "group", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: "g1"}},
			{Name: "all", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}},
		}},
	)
	c.seed(r)
	return Proposal{Resource: record.Bundles, Name: key, Object: r}
}

func (c crowd) group(name string) Proposal {
	key := record.Name{Namespace: "n1", Name: name}
	r, g, _ := stored[v1alpha1.ClusterGroup](c.edits, record.ClusterGroups, key)
	g.Spec.Selector = pick(c.universe, where("env", "x").ClusterSelector, where("tier", "x").ClusterSelector, &metav1.LabelSelector{}, nil)
	return Proposal{Resource: record.ClusterGroups, Name: key, Object: r}
}

func (c crowd) sources() []Proposal {
	repo, op := record.Name{Namespace: "n1", Name: "repo"}, record.Name{Namespace: "n1", Name: "op"}
	gitRepo, helmOp := &v1alpha1.GitRepo{ObjectMeta: c.meta(repo)}, &v1alpha1.HelmOp{ObjectMeta: c.meta(op)}
	gitRepo.Spec.Repo = "https://one"
	return []Proposal{
		{Resource: record.GitRepos, Name: repo, Object: &record.Object{Object: gitRepo}},
		{Resource: record.HelmOps, Name: op, Object: &record.Object{Object: helmOp}},
	}
}

// begin writes some Clusters, and all Bundles, groups and sources, in one revision.
func (c crowd) begin(all []Proposal) {
	for _, name := range someBundles {
		all = append(all, c.bundle(name))
	}
	for _, name := range someGroups {
		all = append(all, c.group(name))
	}
	txn := &etcd.Txn{Put: map[record.Key][]byte{}}
	for _, p := range append(all, c.sources()...) {
		maps.Copy(txn.Put, c.j.unplanned(c.edits.t, p).Put)
	}
	require.True(c.edits.t, c.commit(txn))
	c.changes(c.j)
}

// edit returns one revision, nil if there is nothing to write.
func (c crowd) edit() *etcd.Txn {
	txn := &etcd.Txn{Put: map[record.Key][]byte{}}
	switch n := c.IntN(100); {
	case n < 40:
		c.deploymentReport(txn)
	case n < 45:
		for range 20 {
			c.deploymentReport(txn)
		}
	case n < 60:
		c.obey(txn, 150)
	case n < 75:
		txn = c.promote()
	case n < 92:
		txn = c.planned(c.cluster(c.clusterName()))
	case n < 95:
		txn = c.planned(c.bundle(pick(c.universe, someBundles...)))
	default:
		txn = c.planned(c.group(pick(c.universe, someGroups...)))
	}
	if txn != nil {
		c.withoutNothing(txn)
	}
	return txn
}

// TestRollUpsOfManyClusters compares the roll-ups of many Clusters with those made from full
// lists, also after restarts.
func TestRollUpsOfManyClusters(t *testing.T) {
	t.Parallel()
	c := crowd{newHistory(t, replay.Rand(t))}
	var clusters []Proposal
	for i := range manyClusters {
		clusters = append(clusters, c.cluster(record.Name{Namespace: "n1", Name: fmt.Sprintf("k%03d", i)}))
	}
	c.begin(clusters)
	seen := map[string]int{}
	for i := range manyEdits {
		if txn := c.edit(); txn != nil {
			require.True(t, c.commit(txn))
			c.changes(c.j)
		}
		if i%comparedEach != 0 {
			continue
		}
		want := c.answer(c.j.records)
		c.rollups(c.j.view, c.j.records, want)
		c.see(seen)
		if c.oneIn(5) {
			_, v := c.j.loaded(c.Rand)
			c.rollups(v, c.j.records, want)
		}
	}
	for _, what := range []string{"partitions", "stopped partitions", "partitions that are done", "partitions that are behind", "lists that are cut", "groups that list more than ten", "resources", "Clusters that are ready"} {
		require.Positive(t, seen[what], "the test no longer sees %s: %v", what, seen)
	}
}

// vague reports whether an item is a GitRepo or HelmOp with too many deployed objects to see
// whether a change below it shows.
func vague(item view.Item) bool {
	object, ok := item.(*view.Object)
	if !ok {
		return false
	}
	status, ok := object.Derived.Status.(*view.SourceStatus)
	if !ok {
		return false
	}
	return !ledger.Exact(status.Details)
}

// see counts the cases that a history meets.
func (c crowd) see(seen map[string]int) {
	for item := range c.j.view.All(record.Bundles, record.Name{}) {
		status := c.served(item).(*v1alpha1.Bundle).Status
		if len(status.PartitionStatus) > 2 {
			seen["partitions"]++
		}
		if status.UnavailablePartitions > status.MaxUnavailablePartitions {
			seen["stopped partitions"]++
		}
		for _, p := range status.PartitionStatus {
			switch {
			case p.Count > 0 && p.Unavailable <= p.MaxUnavailable && status.UnavailablePartitions > 0:
				seen["partitions that are done"]++
			case p.Unavailable > p.Summary.NotReady+p.Summary.ErrApplied+p.Summary.Pending:
				seen["partitions that are behind"]++
			}
		}
		if status.Summary.DesiredReady-status.Summary.Ready > len(status.Summary.NonReadyResources) {
			seen["lists that are cut"]++
		}
	}
	for item := range c.j.view.All(record.ClusterGroups, record.Name{}) {
		if len(c.served(item).(*v1alpha1.ClusterGroup).Status.Summary.NonReadyResources) > 10 {
			seen["groups that list more than ten"]++
		}
	}
	for item := range c.j.view.All(record.GitRepos, record.Name{}) {
		if slices.ContainsFunc(c.served(item).(*v1alpha1.GitRepo).Status.Resources, func(r v1alpha1.DeployedResource) bool { return len(r.PerClusterState.Ready) > 3 }) {
			seen["resources"]++
		}
	}
	for item := range c.j.view.All(record.Clusters, record.Name{}) {
		if s := c.served(item).(*v1alpha1.Cluster).Status.Summary; s.Ready > 0 && s.Ready == s.DesiredReady {
			seen["Clusters that are ready"]++
		}
	}
}
