// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/oracle"
)

// roll computes what gitjob and helmops write about the BundleDeployments of a source
// (S 7.6), as they do it: from their own cache, and without the list of resources.
func roll(all []v1alpha1.BundleDeployment, to *v1alpha1.StatusBase) {
	slices.SortFunc(all, func(a, b v1alpha1.BundleDeployment) int { return strings.Compare(string(a.UID), string(b.UID)) })
	to.Summary = v1alpha1.BundleSummary{}
	wanted, there := map[types.NamespacedName]int{}, map[types.NamespacedName]int{}
	for i := range all {
		bd := &all[i]
		state := oracle.State(bd)
		count(&to.Summary, state)
		to.Summary.DesiredReady++
		at := types.NamespacedName{Namespace: bd.Labels[v1alpha1.LabelClusterNamespace], Name: bd.Labels[v1alpha1.LabelCluster]}
		wanted[at]++
		if state == v1alpha1.Ready {
			there[at]++
		}
	}
	to.DesiredReadyClusters, to.ReadyClusters = len(wanted), 0
	for at, n := range there {
		if wanted[at] == n {
			to.ReadyClusters++
		}
	}
	to.Display.ReadyBundleDeployments = fmt.Sprintf("%d/%d", to.Summary.Ready, to.Summary.DesiredReady)
}

func count(s *v1alpha1.BundleSummary, state v1alpha1.BundleState) {
	switch state {
	case v1alpha1.Ready:
		s.Ready++
	case v1alpha1.NotReady:
		s.NotReady++
	case v1alpha1.OutOfSync:
		s.OutOfSync++
	case v1alpha1.Modified:
		s.Modified++
	case v1alpha1.WaitApplied:
		s.WaitApplied++
	case v1alpha1.ErrApplied:
		s.ErrApplied++
	}
}
