// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// discharged are the finalizers that only fleet-controller removes (S 13.5). They are stored
// as they were written. At a deletion they hold nothing back, because fleet-controller does
// not run: a deletion would never end.
var discharged = []string{v1alpha1.FinalizerBundle, v1alpha1.FinalizerCluster, v1alpha1.FinalizerSchedule, v1alpha1.FinalizerBundleDeployment}

// Discharge removes from an object that is to be deleted the finalizers that hold no deletion
// back. The others keep their order.
func Discharge(object metav1.Object) {
	have := object.GetFinalizers()
	holds := func(finalizer string) bool { return !slices.Contains(discharged, finalizer) }
	if !slices.ContainsFunc(have, func(finalizer string) bool { return !holds(finalizer) }) {
		return
	}
	var left []string
	for _, finalizer := range have {
		if holds(finalizer) {
			left = append(left, finalizer)
		}
	}
	object.SetFinalizers(left)
}
