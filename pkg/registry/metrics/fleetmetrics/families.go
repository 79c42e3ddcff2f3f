// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleetmetrics

import (
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// kind holds the families of one kind of stored object. All have the same labels, the last of
// which is the state.
type kind[S record.APIObject] struct {
	resource string
	labels   func(t *text, o *view.Object)
	// has reports whether an object has series; nil means that each has.
	has     func(S) bool
	numbers []number[S]
	// state returns the state of an object.
	state  func(S) string
	states stateFamily
}

// number is a family with one series for each object.
type number[S any] struct {
	name, help string
	of         func(S) int
}

// stateFamily is a family with one series for each state: 1 for the object's state, 0 for the
// others.
type stateFamily struct {
	name, help string
	states     []string
}

// numbersOfEach is the most numbers that a kind has.
const numbersOfEach = 12

// row holds the part of an object that a scrape keeps: its roll-up, in the smallest form. A family must be
// written in one piece, so each family visits all objects, and to render an object for each
// would take most of the time.
type row struct {
	object *view.Object
	state  string
	values [numbersOfEach]int32
}

// write writes all families of the kind.
func (k *kind[S]) write(t *text, v *view.View) {
	rows := make([]row, 0, v.Len(k.resource))
	for item := range v.All(k.resource, record.Name{}) {
		r := row{object: item.(*view.Object)}
		rendered := item.Render().(S)
		if k.has != nil && !k.has(rendered) {
			continue
		}
		r.state = k.state(rendered)
		for i, n := range k.numbers {
			r.values[i] = int32(n.of(rendered))
		}
		rows = append(rows, r)
	}
	for i, n := range k.numbers {
		if t.err != nil {
			return
		}
		for r := range rows {
			t.begin(n.name, n.help)
			k.labels(t, rows[r].object)
			t.series(n.name, rows[r].state, int(rows[r].values[i]))
		}
	}
	for r := range rows {
		t.begin(k.states.name, k.states.help)
		k.labels(t, rows[r].object)
		k.states.series(t, rows[r].state)
	}
}

// series writes the series of one object.
func (f *stateFamily) series(t *text, current string) {
	for _, state := range f.states {
		value := 0
		if state == current {
			value = 1
		}
		t.series(f.name, state, value)
	}
}

// writeBundleDeployments writes the family of BundleDeployments. It is one, so nothing is kept.
func writeBundleDeployments(t *text, v *view.View) {
	for item := range v.All(record.BundleDeployments, record.Name{}) {
		if t.err != nil {
			return
		}
		bd := item.(*view.BundleDeployment)
		t.begin(bundleDeployments.name, bundleDeployments.help)
		bundleDeploymentLabels(t, bd)
		bundleDeployments.series(t, string(bd.State()))
	}
}

var bundleStates = []string{
	string(v1alpha1.Ready), string(v1alpha1.NotReady), string(v1alpha1.Pending), string(v1alpha1.OutOfSync),
	string(v1alpha1.Modified), string(v1alpha1.WaitApplied), string(v1alpha1.ErrApplied),
}

var bundles = kind[*v1alpha1.Bundle]{
	resource: record.Bundles,
	labels:   bundleLabels,
	numbers: []number[*v1alpha1.Bundle]{
		{"fleet_bundle_desired_ready", "How many deployments of a Bundle should be ready.", func(b *v1alpha1.Bundle) int { return b.Status.Summary.DesiredReady }},
		{"fleet_bundle_err_applied", "How many deployments of a Bundle are in state ErrApplied.", func(b *v1alpha1.Bundle) int { return b.Status.Summary.ErrApplied }},
		{"fleet_bundle_modified", "How many deployments of a Bundle are in state Modified.", func(b *v1alpha1.Bundle) int { return b.Status.Summary.Modified }},
		{"fleet_bundle_not_ready", "How many deployments of a Bundle are in state NotReady.", func(b *v1alpha1.Bundle) int { return b.Status.Summary.NotReady }},
		{"fleet_bundle_out_of_sync", "How many deployments of a Bundle are in state OutOfSync.", func(b *v1alpha1.Bundle) int { return b.Status.Summary.OutOfSync }},
		{"fleet_bundle_pending", "How many deployments of a Bundle are in state Pending.", func(b *v1alpha1.Bundle) int { return b.Status.Summary.Pending }},
		{"fleet_bundle_ready", "How many deployments of a Bundle are in state Ready.", func(b *v1alpha1.Bundle) int { return b.Status.Summary.Ready }},
		{"fleet_bundle_wait_applied", "How many deployments of a Bundle are in state WaitApplied.", func(b *v1alpha1.Bundle) int { return b.Status.Summary.WaitApplied }},
	},
	// A Bundle whose deployments are all Ready has the state "" (S 7.3), as in Fleet. So all its
	// series of fleet_bundle_state are 0.
	state: func(b *v1alpha1.Bundle) string { return b.Status.Display.State },
	states: stateFamily{
		"fleet_bundle_state", "1 for the state that a Bundle is in, 0 for the others; a Bundle whose deployments are all ready is in none of them.", bundleStates,
	},
}

var bundleDeployments = stateFamily{
	"fleet_bundledeployment_state", "1 for the state that a BundleDeployment is in, 0 for the others.", bundleStates,
}

var clusters = kind[*v1alpha1.Cluster]{
	resource: record.Clusters,
	labels:   clusterLabels,
	// Fleet has no series of a Cluster that has no namespace for its BundleDeployments.
	has: func(c *v1alpha1.Cluster) bool { return c.Status.Namespace != "" },
	numbers: append([]number[*v1alpha1.Cluster]{
		{"fleet_cluster_desired_ready_git_repos", "How many GitRepos should be ready on a Cluster.", func(c *v1alpha1.Cluster) int { return c.Status.DesiredReadyGitRepos }},
		{"fleet_cluster_desired_ready_helm_ops", "How many HelmOps should be ready on a Cluster.", func(c *v1alpha1.Cluster) int { return c.Status.DesiredReadyHelmOps }},
		{"fleet_cluster_ready_git_repos", "How many GitRepos are ready on a Cluster.", func(c *v1alpha1.Cluster) int { return c.Status.ReadyGitRepos }},
		{"fleet_cluster_ready_helm_ops", "How many HelmOps are ready on a Cluster.", func(c *v1alpha1.Cluster) int { return c.Status.ReadyHelmOps }},
	}, resourceCounts("fleet_cluster_resources_count_", "desiredready", "a Cluster", func(c *v1alpha1.Cluster) *v1alpha1.ResourceCounts { return &c.Status.ResourceCounts })...),
	state: func(c *v1alpha1.Cluster) string { return c.Status.Display.State },
	states: stateFamily{
		"fleet_cluster_state", "1 for the state that a Cluster is in, 0 for the others; a Cluster may be in none of them.",
		[]string{string(v1alpha1.NotReady), string(v1alpha1.Ready), "WaitCheckIn"},
	},
}

var clusterGroups = kind[*v1alpha1.ClusterGroup]{
	resource: record.ClusterGroups,
	labels:   clusterGroupLabels,
	numbers: append([]number[*v1alpha1.ClusterGroup]{
		{"fleet_cluster_group_bundle_desired_ready", "How many deployments of Bundles should be ready in a ClusterGroup.", func(g *v1alpha1.ClusterGroup) int { return g.Status.Summary.DesiredReady }},
		{"fleet_cluster_group_bundle_ready", "How many deployments of Bundles are ready in a ClusterGroup.", func(g *v1alpha1.ClusterGroup) int { return g.Status.Summary.Ready }},
		{"fleet_cluster_group_cluster_count", "How many Clusters are in a ClusterGroup.", func(g *v1alpha1.ClusterGroup) int { return g.Status.ClusterCount }},
		{"fleet_cluster_group_non_ready_cluster_count", "How many Clusters in a ClusterGroup are not ready.", func(g *v1alpha1.ClusterGroup) int { return g.Status.NonReadyClusterCount }},
	}, resourceCounts("fleet_cluster_group_resource_count_", "desired_ready", "a ClusterGroup", func(g *v1alpha1.ClusterGroup) *v1alpha1.ResourceCounts { return &g.Status.ResourceCounts })...),
	state: func(g *v1alpha1.ClusterGroup) string { return g.Status.Display.State },
	states: stateFamily{
		"fleet_cluster_group_state", "1 for the state that a ClusterGroup is in, 0 for the others; a ClusterGroup may be in none of them.",
		[]string{string(v1alpha1.NotReady), string(v1alpha1.Ready)},
	},
}

// resourceCounts returns the families of deployed objects. Fleet spells desired differently
// from kind to kind.
func resourceCounts[S any](prefix, desired, where string, of func(S) *v1alpha1.ResourceCounts) []number[S] {
	var out []number[S]
	add := func(suffix, help string, count func(*v1alpha1.ResourceCounts) int) {
		out = append(out, number[S]{prefix + suffix, help, func(s S) int { return count(of(s)) }})
	}
	in := func(state string) string {
		return "How many deployed objects of " + where + " are in state " + state + "."
	}
	add(desired, "How many deployed objects of "+where+" should be ready.", func(c *v1alpha1.ResourceCounts) int { return c.DesiredReady })
	add("missing", in("Missing"), func(c *v1alpha1.ResourceCounts) int { return c.Missing })
	add("modified", in("Modified"), func(c *v1alpha1.ResourceCounts) int { return c.Modified })
	add("notready", in("NotReady"), func(c *v1alpha1.ResourceCounts) int { return c.NotReady })
	add("orphaned", in("Orphaned"), func(c *v1alpha1.ResourceCounts) int { return c.Orphaned })
	add("ready", in("Ready"), func(c *v1alpha1.ResourceCounts) int { return c.Ready })
	add("unknown", in("Unknown"), func(c *v1alpha1.ResourceCounts) int { return c.Unknown })
	add("waitapplied", in("WaitApplied"), func(c *v1alpha1.ResourceCounts) int { return c.WaitApplied })
	return out
}
