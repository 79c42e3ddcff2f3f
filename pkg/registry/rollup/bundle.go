// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollup

import "github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"

// BundleStatus fills in what follows from the sums over all Clusters that a Bundle
// targets, and the first entries: summary, unavailable, display and the Ready
// condition (S 7.3). The numbers of the roll-out are the caller's, and so is the
// Ready condition of a Bundle that fails.
func BundleStatus(status *v1alpha1.BundleStatus, sum Weight, first []v1alpha1.NonReadyResource) {
	status.Summary = Summary(sum, first)
	status.Unavailable = int(sum.Unavailable)
	status.Display = v1alpha1.BundleDisplay{
		ReadyClusters: readiness(&status.Summary),
		State:         string(WorstState(status.Summary.NonReadyResources)),
	}
	status.ResourceKey = nil
	status.Conditions = WithCondition(status.Conditions, ReadyCondition(status.Summary, OfClusters))
}
