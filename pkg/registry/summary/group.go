// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Member is a Cluster of a group on which some Bundle is not ready.
type Member struct {
	Name string
	// Entries holds the entries of the Cluster's own summary.
	Entries []v1alpha1.NonReadyResource
}

// GroupMember returns the weight of a Cluster in its groups, given the sum over its
// BundleDeployments.
func GroupMember(sum Weight) Weight {
	sum.Listed = min(sum.Listed, 1)
	return sum
}

// GroupStatus fills in all fields (S 7.5). They follow from the sum over the Clusters of a
// group (see GroupMember) and the first Clusters that are not ready. failure says why the
// selector is wrong; such a group has no Clusters.
func GroupStatus(status *v1alpha1.ClusterGroupStatus, clusters int, sum Weight, first []Member, failure string) {
	first = cut(first, Entries)
	status.ClusterCount = clusters
	status.NonReadyClusterCount = int(sum.Listed)
	status.NonReadyClusters = nil
	status.Summary = counted(sum)
	status.ResourceCounts = sum.Resources
	for _, m := range first {
		status.NonReadyClusters = append(status.NonReadyClusters, m.Name)
		// As long as one more entry fits, a Cluster's whole list is added: up to 10
		// entries after 9.
		if len(status.Summary.NonReadyResources) < Entries {
			status.Summary.NonReadyResources = append(status.Summary.NonReadyResources, cut(m.Entries, Entries)...)
		}
	}
	clustersReady := Readiness{Ready: clusters - int(sum.Listed), Desired: clusters}.String()
	if len(status.NonReadyClusters) > 0 {
		clustersReady += " (" + strings.Join(status.NonReadyClusters, ",") + ")"
	}
	status.Display = v1alpha1.ClusterGroupDisplay{
		ReadyClusters: clustersReady,
		ReadyBundles:  readiness(&status.Summary),
		State:         string(WorstState(status.Summary.NonReadyResources)),
	}
	conditions := WithCondition(status.Conditions, processed(failure))
	status.Conditions = WithCondition(conditions, ReadyCondition(status.Summary, OfBundles))
}
