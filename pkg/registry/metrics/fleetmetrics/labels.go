// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleetmetrics

import (
	"strconv"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// labelClusterName is the label with Rancher's name of a Cluster.
const labelClusterName = "management.cattle.io/cluster-name"

func generationOf(o *view.Object) string {
	return strconv.FormatInt(o.Record.Object.GetGeneration(), 10)
}

func bundleLabels(t *text, o *view.Object) {
	labels := o.Labels()
	t.label("commit", labels[v1alpha1.LabelCommit])
	t.label("generation", generationOf(o))
	t.label("name", o.ID.Name)
	t.label("namespace", o.ID.Namespace)
	t.label("repo", labels[v1alpha1.LabelRepoName])
}

// bundleDeploymentLabels reads from the Bundle and the Cluster what the labels of the
// BundleDeployment say (S 5.1).
func bundleDeploymentLabels(t *text, o *view.BundleDeployment) {
	bundle, cluster := o.Bundle.Bundle, o.Cluster.Cluster
	t.label("bundle", bundle.Name)
	t.label("bundle_namespace", bundle.Namespace)
	t.label("cluster_name", cluster.Name)
	t.label("cluster_namespace", cluster.Namespace)
	t.label("commit", bundle.Labels[v1alpha1.LabelCommit])
	t.label("generation", strconv.FormatInt(o.Generation(), 10))
	t.label("name", bundle.Name)
	t.label("namespace", o.Cluster.Namespace)
	t.label("repo", bundle.Labels[v1alpha1.LabelRepoName])
}

func clusterLabels(t *text, o *view.Object) {
	labels := o.Labels()
	t.label("cluster_display_name", labels[v1alpha1.LabelClusterDisplayName])
	t.label("cluster_name", labels[labelClusterName])
	t.label("generation", generationOf(o))
	t.label("name", o.ID.Name)
	t.label("namespace", o.ID.Namespace)
}

func clusterGroupLabels(t *text, o *view.Object) {
	t.label("generation", generationOf(o))
	t.label("name", o.ID.Name)
	t.label("namespace", o.ID.Namespace)
}
