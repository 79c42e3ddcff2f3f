// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"

// waitCheckIn is the state of a Cluster until its agent first reports.
const waitCheckIn = "WaitCheckIn"

// ClusterStatus fills in summary, counts, display and the conditions Ready and Processed
// (S 7.4). They follow from the sum over the BundleDeployments of a Cluster and the first
// entries. The display also depends on status.agent.lastSeen, which an agent reports: the
// caller fills it in first.
func ClusterStatus(status *v1alpha1.ClusterStatus, sum Weight, first []v1alpha1.NonReadyResource, gitRepos, helmOps Readiness) {
	status.Summary = Summary(sum, first)
	status.ResourceCounts = sum.Resources
	status.ReadyGitRepos, status.DesiredReadyGitRepos = gitRepos.Ready, gitRepos.Desired
	status.ReadyHelmOps, status.DesiredReadyHelmOps = helmOps.Ready, helmOps.Desired
	status.Display = v1alpha1.ClusterDisplay{ReadyBundles: readiness(&status.Summary), State: string(WorstState(status.Summary.NonReadyResources))}
	if status.Agent.LastSeen.IsZero() {
		status.Display.State = waitCheckIn
	}
	conditions := WithCondition(status.Conditions, processed(""))
	status.Conditions = WithCondition(conditions, ReadyCondition(status.Summary, OfBundles))
}
