// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/summary"
)

// The roll-ups above others: those of the Clusters of a group, and of the Bundles and
// BundleDeployments of a GitRepo or HelmOp.

// selectorFailure returns why a selector is wrong, "" if it is not.
func selectorFailure(s *metav1.LabelSelector) string {
	if _, err := metav1.LabelSelectorAsSelector(s); err == nil {
		return ""
	}
	_, err := index.Compile(s) // for its text
	return err.Error()
}

// groupStatus computes S 7.5.
func (r *rolls) groupStatus(g *v1alpha1.ClusterGroup, clusters map[record.Name]*v1alpha1.Cluster) v1alpha1.ClusterGroupStatus {
	var status v1alpha1.ClusterGroupStatus
	if reported, ok := r.factsOf(record.ClusterGroups, g).(*v1alpha1.ClusterGroup); ok {
		status.Conditions = reported.Status.Conditions
	}
	status.Conditions = summary.WithCondition(status.Conditions, v1alpha1.GenericCondition{Type: "Processed", Status: "True"})
	for _, name := range slices.SortedFunc(maps.Keys(clusters), record.Name.Compare) {
		k := clusters[name]
		if name.Namespace != g.Namespace || g.Spec.Selector == nil || !r.selects(g.Spec.Selector, k.Labels) {
			continue
		}
		status.ClusterCount++
		from := k.Status.Summary
		summary.AddResources(&status.ResourceCounts, k.Status.ResourceCounts)
		to := &status.Summary
		to.Ready, to.DesiredReady = to.Ready+from.Ready, to.DesiredReady+from.DesiredReady
		to.NotReady, to.WaitApplied, to.ErrApplied = to.NotReady+from.NotReady, to.WaitApplied+from.WaitApplied, to.ErrApplied+from.ErrApplied
		to.OutOfSync, to.Modified, to.Pending = to.OutOfSync+from.OutOfSync, to.Modified+from.Modified, to.Pending+from.Pending
		if len(to.NonReadyResources) < 10 {
			to.NonReadyResources = append(to.NonReadyResources, from.NonReadyResources...)
		}
		if from.Ready != from.DesiredReady {
			status.NonReadyClusterCount++
			if len(status.NonReadyClusters) < 10 {
				status.NonReadyClusters = append(status.NonReadyClusters, name.Name)
			}
		}
	}
	shown := summary.Readiness{Ready: status.ClusterCount - status.NonReadyClusterCount, Desired: status.ClusterCount}
	status.Display.ReadyClusters = shown.String()
	for i, name := range status.NonReadyClusters {
		status.Display.ReadyClusters += []string{" (", ","}[min(i, 1)] + name
	}
	if len(status.NonReadyClusters) > 0 {
		status.Display.ReadyClusters += ")"
	}
	status.Display.ReadyBundles = summary.Readiness{Ready: status.Summary.Ready, Desired: status.Summary.DesiredReady}.String()
	status.Display.State = string(summary.WorstState(status.Summary.NonReadyResources))
	status.Conditions = summary.WithCondition(status.Conditions, summary.ReadyCondition(status.Summary, summary.OfBundles))
	if g.Spec.Selector != nil {
		if failure := selectorFailure(g.Spec.Selector); failure != "" {
			status.Conditions = summary.WithCondition(status.Conditions, v1alpha1.GenericCondition{Type: "Processed", Status: "False", Reason: "Error", Message: failure})
		}
	}
	return status
}

// source computes what GitRepos and HelmOps have in common (S 7.6).
func (r *rolls) source(label, namespace, name string) (summary.Source, []summary.Deployed) {
	deployments := r.of(func(bd *v1alpha1.BundleDeployment) bool {
		return bd.Labels[label] == name && bd.Labels[v1alpha1.LabelBundleNamespace] == namespace
	})
	var repo summary.Source
	repo.Sum, repo.First = sumUp(ordinaryOf(deployments))
	whole := map[record.Name]bool{}
	var deployed []summary.Deployed
	worst := -1
	order := []v1alpha1.BundleState{"Ready", "NotReady", "Pending", "OutOfSync", "Modified", "WaitApplied", "ErrApplied"}
	for _, bd := range deployments {
		d, on := ordinary(bd), clusterOfDeployment(bd)
		was, known := whole[on]
		whole[on] = (was || !known) && d.State() == v1alpha1.Ready
		deployed = append(deployed, summary.Deployed{Cluster: on.String(), State: d.State(), Status: &bd.Status})
		if rank := slices.Index(order, d.State()); rank > worst {
			worst, repo.Worst = rank, d.Message()
		}
	}
	repo.Clusters.Desired = len(whole)
	for _, ready := range whole {
		if ready {
			repo.Clusters.Ready++
		}
	}
	return repo, deployed
}

func (r *rolls) gitRepoStatus(g *v1alpha1.GitRepo) v1alpha1.GitRepoStatus {
	var status v1alpha1.GitRepoStatus
	if reported, ok := r.factsOf(record.GitRepos, g).(*v1alpha1.GitRepo); ok {
		status = reported.Status
	}
	if g.Spec.Repo == "" {
		return status
	}
	var failing *v1alpha1.GenericCondition
	for _, name := range slices.SortedFunc(maps.Keys(r.bundles), record.Name.Compare) {
		b := r.bundles[name]
		if name.Namespace != g.Namespace || b.Labels[v1alpha1.LabelRepoName] != g.Name || failing != nil {
			continue
		}
		at := slices.IndexFunc(b.Status.Conditions, func(c v1alpha1.GenericCondition) bool { return c.Type == "Ready" && c.Status == "False" })
		if at >= 0 {
			failing = &b.Status.Conditions[at]
		}
	}
	repo, deployed := r.source(v1alpha1.LabelRepoName, g.Namespace, g.Name)
	if len(deployed) == 0 && failing == nil && r.forbidden(g) {
		return status
	}
	summary.GitRepoStatus(&status, repo, failing)
	listObjects(&status.StatusBase, deployed)
	return status
}

// forbidden computes S 10.1 for the rules of these tests. They demand a namespace or an
// account, and a GitRepo here has neither. A table in derive tests the other rules.
func (r *rolls) forbidden(g *v1alpha1.GitRepo) bool {
	return slices.ContainsFunc(all[*v1alpha1.GitRepoRestriction](r.facts, record.Restrictions, g.Namespace), func(o *v1alpha1.GitRepoRestriction) bool {
		return o.AllowedTargetNamespaceSelector != nil
	}) || slices.ContainsFunc(all[*v1alpha1.Policy](r.facts, record.Policies, g.Namespace), func(o *v1alpha1.Policy) bool {
		return o.RequireServiceAccount
	})
}

func (r *rolls) helmOpStatus(h *v1alpha1.HelmOp) v1alpha1.HelmOpStatus {
	var status v1alpha1.HelmOpStatus
	if reported, ok := r.factsOf(record.HelmOps, h).(*v1alpha1.HelmOp); ok {
		status = reported.Status
	}
	repo, deployed := r.source(v1alpha1.LabelHelmOpName, h.Namespace, h.Name)
	summary.HelmOpStatus(&status, repo)
	listObjects(&status.StatusBase, deployed)
	return status
}

// listObjects lists what grows with the BundleDeployments, as far as there is room.
func listObjects(status *v1alpha1.StatusBase, deployed []summary.Deployed) {
	status.Resources, status.PerClusterResourceCounts = nil, nil
	sums := map[string]*v1alpha1.ResourceCounts{}
	for _, d := range deployed {
		if sums[d.Cluster] == nil {
			sums[d.Cluster] = &v1alpha1.ResourceCounts{}
		}
		summary.AddResources(sums[d.Cluster], d.Status.ResourceCounts)
	}
	byName := func(a, b string) int {
		x, y := strings.SplitN(a, "/", 2), strings.SplitN(b, "/", 2)
		return slices.Compare(x, y)
	}
	counts, room, clusters := summary.PerCluster(func(yield func(string, *v1alpha1.ResourceCounts) bool) {
		for _, name := range slices.SortedFunc(maps.Keys(sums), byName) {
			if !yield(name, sums[name]) {
				return
			}
		}
	}, summary.Room(status))
	objects, left := summary.Resources(slices.Values(deployed), room)
	left.Clusters = clusters
	status.Resources, status.PerClusterResourceCounts = objects, counts
	left.Over(status)
}
