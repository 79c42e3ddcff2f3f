// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/reports"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// S 7.3 to 7.6 once more, from full lists: every roll-up of a revision is made from all
// BundleDeployments that are served at that revision. Package summary has tables for what one
// BundleDeployment adds, and for how sums read as a status. This oracle tests the sums, their
// orders, and their members.

// rolls is everything that is served at one revision.
type rolls struct {
	*facts
	c       *checker
	v       *view.View
	want    *answer
	bundles map[record.Name]*v1alpha1.Bundle
	// deployments are in the order of the Bundle, then of the Cluster's name and namespace.
	deployments []*v1alpha1.BundleDeployment
}

func (c *checker) rollups(v *view.View, records map[record.Key]entryOf, want *answer) {
	c.t.Helper()
	r := &rolls{&facts{c.oracle, records, map[listKey]any{}}, c, v, want, map[record.Name]*v1alpha1.Bundle{}, nil}
	for item := range v.All(record.BundleDeployments, record.Name{}) {
		r.deployments = append(r.deployments, c.served(item).(*v1alpha1.BundleDeployment))
	}
	slices.SortFunc(r.deployments, func(a, b *v1alpha1.BundleDeployment) int {
		return cmp.Or(
			cmp.Compare(a.Labels[v1alpha1.LabelBundleNamespace], b.Labels[v1alpha1.LabelBundleNamespace]),
			cmp.Compare(a.Labels[v1alpha1.LabelBundleName], b.Labels[v1alpha1.LabelBundleName]),
			cmp.Compare(a.Labels[v1alpha1.LabelCluster], b.Labels[v1alpha1.LabelCluster]),
			cmp.Compare(a.Labels[v1alpha1.LabelClusterNamespace], b.Labels[v1alpha1.LabelClusterNamespace]),
		)
	})
	clusters := map[record.Name]*v1alpha1.Cluster{}
	for item := range v.All(record.Bundles, record.Name{}) {
		b := c.served(item).(*v1alpha1.Bundle)
		r.bundles[item.Name()] = b
		r.must(b, &v1alpha1.Bundle{Status: r.bundleStatus(item.Name())})
	}
	for item := range v.All(record.Clusters, record.Name{}) {
		k := c.served(item).(*v1alpha1.Cluster)
		clusters[item.Name()] = k
		r.must(k, &v1alpha1.Cluster{Status: r.clusterStatus(k)})
	}
	for item := range v.All(record.ClusterGroups, record.Name{}) {
		g := c.served(item).(*v1alpha1.ClusterGroup)
		r.must(g, &v1alpha1.ClusterGroup{Status: r.groupStatus(g, clusters)})
	}
	for item := range v.All(record.GitRepos, record.Name{}) {
		g := c.served(item).(*v1alpha1.GitRepo)
		r.must(g, &v1alpha1.GitRepo{Status: r.gitRepoStatus(g)})
	}
	for item := range v.All(record.HelmOps, record.Name{}) {
		h := c.served(item).(*v1alpha1.HelmOp)
		r.must(h, &v1alpha1.HelmOp{Status: r.helmOpStatus(h)})
	}
}

// served returns an item as an object, which is made once.
func (c *checker) served(item view.Item) record.APIObject {
	return remember(c.servedOnce, item, func() record.APIObject { return item.Render() })
}

// must compares the status of a served object with that of another.
func (r *rolls) must(got, want record.APIObject) {
	r.c.t.Helper()
	if equality.Semantic.DeepEqual(onlyStatus(got), onlyStatus(want)) {
		return
	}
	text := func(object record.APIObject) string { return asJSON(r.c.t, onlyStatus(object)) }
	is, should := text(got), text(want)
	r.c.must(is == should, "the status of the %T %s/%s is\n%s\nand should be\n%s", got, got.GetNamespace(), got.GetName(), is, should)
}

func onlyStatus(object record.APIObject) record.APIObject {
	switch object := object.(type) {
	case *v1alpha1.Bundle:
		return &v1alpha1.Bundle{Status: object.Status}
	case *v1alpha1.Cluster:
		return &v1alpha1.Cluster{Status: object.Status}
	case *v1alpha1.ClusterGroup:
		return &v1alpha1.ClusterGroup{Status: object.Status}
	case *v1alpha1.GitRepo:
		return &v1alpha1.GitRepo{Status: object.Status}
	case *v1alpha1.HelmOp:
		return &v1alpha1.HelmOp{Status: object.Status}
	}
	panic("no roll-up")
}

// factsOf returns what is reported on an object, nil if nothing is.
func (r *rolls) factsOf(resource string, object record.APIObject) record.APIObject {
	e, ok := r.records[record.ReportKey(resource, record.Name{Namespace: object.GetNamespace(), Name: object.GetName()})]
	if !ok {
		return nil
	}
	report := r.report(resource, e.value)
	if report.UID != object.GetUID() {
		return nil
	}
	return record.Copy(report.Status)
}

// ordinary reads a BundleDeployment as Clusters, GitRepos and HelmOps do.
func ordinary(bd *v1alpha1.BundleDeployment) summary.Deployment {
	return summary.Deployment{
		Name: bd.Name, Want: bd.Spec.DeploymentID, Staged: bd.Spec.StagedDeploymentID, Promoted: bd.Spec.DeploymentID, Status: &bd.Status,
	}
}

// sumUp adds everything up, and lists the first ten that are not ready.
func sumUp(deployments []summary.Deployment) (sum summary.Weight, first []v1alpha1.NonReadyResource) {
	for _, d := range deployments {
		sum.Add(d.Weight())
		if d.State() != v1alpha1.Ready && len(first) < 10 {
			first = append(first, d.Entry())
		}
	}
	return sum, first
}

func clusterOfDeployment(bd *v1alpha1.BundleDeployment) record.Name {
	return record.Name{Namespace: bd.Labels[v1alpha1.LabelClusterNamespace], Name: bd.Labels[v1alpha1.LabelCluster]}
}

func bundleOfDeployment(bd *v1alpha1.BundleDeployment) record.Name {
	return record.Name{Namespace: bd.Labels[v1alpha1.LabelBundleNamespace], Name: bd.Labels[v1alpha1.LabelBundleName]}
}

// target is a pair in the roll-up of its Bundle.
type target struct {
	cluster    *naiveCluster
	deployment summary.Deployment
}

// targets returns the pairs of the version in force, in the order of S 2.5.
func (r *rolls) targets(name record.Name, b *bundleAnswer) []target {
	var out []target
	for cluster, p := range b.pairs {
		d := summary.Deployment{Missing: true}
		at := slices.IndexFunc(r.deployments, func(bd *v1alpha1.BundleDeployment) bool {
			return bundleOfDeployment(bd) == name && clusterOfDeployment(bd) == cluster
		})
		if at >= 0 {
			d = ordinary(r.deployments[at])
			if p.content != nil {
				d.Want = p.content.DeploymentID
			}
		}
		d.Name = cluster.String()
		out = append(out, target{p.cluster, d})
	}
	slices.SortFunc(out, func(a, b target) int {
		return cmp.Or(cmp.Compare(a.cluster.name.Name, b.cluster.name.Name), cmp.Compare(a.cluster.name.Namespace, b.cluster.name.Namespace))
	})
	return out
}

func deploymentsOf(targets []target) []summary.Deployment {
	out := make([]summary.Deployment, len(targets))
	for i := range targets {
		out[i] = targets[i].deployment
	}
	return out
}

// bundleStatus computes S 7.3.
func (r *rolls) bundleStatus(name record.Name) v1alpha1.BundleStatus {
	b := r.want.bundles[name]
	var status v1alpha1.BundleStatus
	if reported, ok := r.factsOf(record.Bundles, b.newest.bundle).(*v1alpha1.Bundle); ok {
		status.Conditions, status.OCIReference = reported.Status.Conditions, reported.Status.OCIReference
	}
	status.ResourcesSHA256Sum = b.newest.record.Digest
	if b.inForce != nil {
		targets := r.targets(name, b)
		sum, first := sumUp(deploymentsOf(targets))
		summary.BundleStatus(&status, sum, first)
		status.ObservedGeneration = b.inForce.bundle.Generation
		if err := r.rollOut(b.inForce.bundle.Spec.RolloutStrategy, targets, &status); err != nil {
			status.Conditions = reports.WithError(status.Conditions, err.Error())
		}
	}
	if b.failure != "" {
		status.Conditions = reports.WithError(status.Conditions, b.failure)
	}
	return status
}

// rollOut computes what remains of S 6.4 if nothing can be promoted.
func (r *rolls) rollOut(strategy *v1alpha1.RolloutStrategy, targets []target, status *v1alpha1.BundleStatus) error {
	if strategy == nil {
		strategy = &v1alpha1.RolloutStrategy{}
	}
	var err error
	if status.MaxUnavailable, err = rollout.Limit(len(targets), strategy.MaxUnavailable); err != nil {
		return err
	}
	if _, err = rollout.Entries(strategy); err != nil {
		return err
	}
	partitions, err := rollout.Partitions(strategy, len(targets), func(partition, rank int) bool {
		p, on := &strategy.Partitions[partition], targets[rank].cluster
		groups := r.groups(on)
		if len(groups) == 0 {
			groups = append(groups, nil)
		}
		return slices.ContainsFunc(groups, func(g *v1alpha1.ClusterGroup) bool { return r.entry(p.ClusterCriteria, on.joined, g) })
	})
	if err != nil {
		return err
	}
	if status.MaxUnavailablePartitions, err = rollout.MaxUnavailablePartitions(strategy, len(partitions)); err != nil {
		return err
	}
	for _, p := range partitions {
		var members []summary.Deployment
		for rank := range p.Members() {
			members = append(members, targets[rank].deployment)
		}
		unavailable, behind := 0, 0
		for _, d := range members {
			if d.Unavailable() {
				unavailable++
			}
			if d.Unavailable() || !d.UpToDate() {
				behind++
			}
		}
		sum, first := sumUp(members)
		shows := v1alpha1.PartitionStatus{
			Name: p.Name, Count: len(members), MaxUnavailable: p.MaxUnavailable, Unavailable: unavailable, Summary: summary.Summary(sum, first),
		}
		if status.UnavailablePartitions <= status.MaxUnavailablePartitions { // the pass reaches it
			shows.Unavailable = behind
			if behind > p.MaxUnavailable {
				status.UnavailablePartitions++
			}
		}
		status.PartitionStatus = append(status.PartitionStatus, shows)
	}
	summary.FitPartitions(status)
	return nil
}

// of returns the BundleDeployments for which holds is true.
func (r *rolls) of(holds func(*v1alpha1.BundleDeployment) bool) []*v1alpha1.BundleDeployment {
	return slices.DeleteFunc(slices.Clone(r.deployments), func(bd *v1alpha1.BundleDeployment) bool { return !holds(bd) })
}

func ordinaryOf(deployments []*v1alpha1.BundleDeployment) []summary.Deployment {
	out := make([]summary.Deployment, len(deployments))
	for i, bd := range deployments {
		out[i] = ordinary(bd)
	}
	return out
}

// clusterStatus computes S 7.4.
func (r *rolls) clusterStatus(k *v1alpha1.Cluster) v1alpha1.ClusterStatus {
	name := record.Name{Namespace: k.Namespace, Name: k.Name}
	var status v1alpha1.ClusterStatus
	if reported, ok := r.factsOf(record.Clusters, k).(*v1alpha1.Cluster); ok {
		status = reported.Status
	}
	if r.want.namespaces[name] == "" {
		if why := r.cluster(name).barred(); why != "" {
			status.Conditions = reports.WithError(status.Conditions, why)
		}
		return status
	}
	status.Namespace = r.want.namespaces[name]
	on := r.of(func(bd *v1alpha1.BundleDeployment) bool { return clusterOfDeployment(bd) == name })
	slices.SortStableFunc(on, func(a, b *v1alpha1.BundleDeployment) int { return cmp.Compare(a.Name, b.Name) })
	var gitRepos, helmOps summary.Readiness
	counts := map[string]*summary.Readiness{record.GitRepos: &gitRepos, record.HelmOps: &helmOps}
	ready := map[record.Key]bool{}
	for _, bd := range on {
		resource, source := record.GitRepos, bd.Labels[v1alpha1.LabelRepoName]
		if source == "" {
			resource, source = record.HelmOps, bd.Labels[v1alpha1.LabelHelmOpName]
		}
		key := record.ObjectKey(resource, record.Name{Namespace: bd.Labels[v1alpha1.LabelBundleNamespace], Name: source})
		if _, exists := r.records[key]; exists {
			ready[key] = ready[key] || ordinary(bd).State() == v1alpha1.Ready
		}
	}
	for key, is := range ready {
		counts[key.Resource].Desired++
		if is {
			counts[key.Resource].Ready++
		}
	}
	sum, first := sumUp(ordinaryOf(on))
	processed := slices.IndexFunc(status.Conditions, func(c v1alpha1.GenericCondition) bool { return c.Type == "Processed" })
	if processed < 0 {
		summary.ClusterStatus(&status, sum, first, gitRepos, helmOps)
		return status
	}
	reported := status.Conditions[processed]
	summary.ClusterStatus(&status, sum, first, gitRepos, helmOps)
	status.Conditions[processed] = reported
	return status
}
