// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

var bundleColumns = []Column{
	column("BundleDeployments-Ready", "How many of the Bundle's BundleDeployments are ready, of how many.",
		func(o *v1alpha1.Bundle) string { return o.Status.Display.ReadyClusters }),
	statusColumn(func(o *v1alpha1.Bundle) []v1alpha1.GenericCondition { return o.Status.Conditions }),
}

var bundleDeploymentColumns = []Column{
	column("Deployed", "Whether the agent has deployed the BundleDeployment, or why not.",
		func(o *v1alpha1.BundleDeployment) string { return o.Status.Display.Deployed }),
	column("Monitored", "Whether the agent monitors the deployed resources, or why not.",
		func(o *v1alpha1.BundleDeployment) string { return o.Status.Display.Monitored }),
	statusColumn(func(o *v1alpha1.BundleDeployment) []v1alpha1.GenericCondition { return o.Status.Conditions }),
}

var clusterColumns = []Column{
	column("Bundles-Ready", "How many of the Cluster's BundleDeployments are ready, of how many.",
		func(o *v1alpha1.Cluster) string { return o.Status.Display.ReadyBundles }),
	column("Last-Seen", "When the Cluster's agent last reported.", func(o *v1alpha1.Cluster) string { return timeText(o.Status.Agent.LastSeen) }),
	statusColumn(func(o *v1alpha1.Cluster) []v1alpha1.GenericCondition { return o.Status.Conditions }),
}

var clusterGroupColumns = []Column{
	column("Clusters-Ready", "How many of the group's Clusters are ready, of how many, and which are not.",
		func(o *v1alpha1.ClusterGroup) string { return o.Status.Display.ReadyClusters }),
	column("Bundles-Ready", "How many BundleDeployments on the group's Clusters are ready, of how many.",
		func(o *v1alpha1.ClusterGroup) string { return o.Status.Display.ReadyBundles }),
	statusColumn(func(o *v1alpha1.ClusterGroup) []v1alpha1.GenericCondition { return o.Status.Conditions }),
}

var clusterRegistrationColumns = []Column{
	column("Cluster-Name", "The Cluster that was created or found for the agent.",
		func(o *v1alpha1.ClusterRegistration) string { return o.Status.ClusterName }),
	column("Labels", "The labels that the agent requests for its Cluster.",
		func(o *v1alpha1.ClusterRegistration) string { return jsonText(o.Spec.ClusterLabels) }),
}

var clusterRegistrationTokenColumns = []Column{
	column("Secret-Name", "The Secret with the values that an agent needs to register.",
		func(o *v1alpha1.ClusterRegistrationToken) string { return o.Status.SecretName }),
}

var gitRepoColumns = []Column{
	column("Repo", "The URL of the git repository.", func(o *v1alpha1.GitRepo) string { return o.Spec.Repo }),
	column("Commit", "The commit that is deployed, or is being deployed.", func(o *v1alpha1.GitRepo) string { return o.Status.Commit }),
	column("BundleDeployments-Ready", "How many BundleDeployments from the repository are ready, of how many.",
		func(o *v1alpha1.GitRepo) string { return o.Status.Display.ReadyBundleDeployments }),
	statusColumn(func(o *v1alpha1.GitRepo) []v1alpha1.GenericCondition { return o.Status.Conditions }),
}

var gitRepoRestrictionColumns = []Column{
	column("Default-ServiceAccount", "The service account for GitRepos that name none.",
		func(o *v1alpha1.GitRepoRestriction) string { return o.DefaultServiceAccount }),
	column("Allowed-ServiceAccounts", "The service accounts that a GitRepo may name.",
		func(o *v1alpha1.GitRepoRestriction) string { return jsonText(o.AllowedServiceAccounts) }),
}

var helmOpColumns = []Column{
	column("Repo", "The URL of the Helm repository.",
		func(o *v1alpha1.HelmOp) string { return cmp.Or(o.Spec.Helm, &v1alpha1.HelmOptions{}).Repo }),
	column("Chart", "The name of the chart, or its URL.",
		func(o *v1alpha1.HelmOp) string { return cmp.Or(o.Spec.Helm, &v1alpha1.HelmOptions{}).Chart }),
	column("Version", "The version of the chart that is deployed.", func(o *v1alpha1.HelmOp) string { return o.Status.Version }),
	column("BundleDeployments-Ready", "How many BundleDeployments of the chart are ready, of how many.",
		func(o *v1alpha1.HelmOp) string { return o.Status.Display.ReadyBundleDeployments }),
	statusColumn(func(o *v1alpha1.HelmOp) []v1alpha1.GenericCondition { return o.Status.Conditions }),
}

var imageScanColumns = []Column{
	column("Repository", "The image repository that is scanned.", func(o *v1alpha1.ImageScan) string { return o.Spec.Image }),
	column("Latest", "The tag that the policy has chosen.", func(o *v1alpha1.ImageScan) string { return o.Status.LatestTag }),
}

var scheduleColumns = []Column{
	column("Schedule", "When a window opens, as a cron expression that starts with seconds.", func(o *v1alpha1.Schedule) string { return o.Spec.Schedule }),
	column("Duration", "How long a window stays open.",
		func(o *v1alpha1.Schedule) string { return string(*cmp.Or(o.Spec.Duration, new(v1alpha1.Duration))) }),
	column("Active", "Shows true while a window is open.",
		func(o *v1alpha1.Schedule) string {
			if !o.Status.Active {
				return ""
			}
			return "true"
		}),
	column("NextStart", "When the next window opens.", func(o *v1alpha1.Schedule) string { return timeText(o.Status.NextStartTime) }),
}

// timeText returns a time as JSON shows it, or "" if it is not set.
func timeText(t metav1.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
