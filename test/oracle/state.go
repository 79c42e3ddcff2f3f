// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package oracle holds what Fleet computes, written plainly from docs/spec.md, for tests that
// compare Muster with it or play Fleet's programs. Muster itself must not use it.
package oracle

import "github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"

// State returns the state of a BundleDeployment (S 7.1).
func State(bd *v1alpha1.BundleDeployment) v1alpha1.BundleState {
	switch {
	case bd.Status.AppliedDeploymentID != bd.Spec.DeploymentID:
		for _, c := range bd.Status.Conditions {
			if c.Type == "Deployed" && c.Status == "False" {
				return v1alpha1.ErrApplied
			}
		}
		return v1alpha1.WaitApplied
	case !bd.Status.Ready:
		return v1alpha1.NotReady
	case bd.Spec.DeploymentID != bd.Spec.StagedDeploymentID:
		return v1alpha1.OutOfSync
	case !bd.Status.NonModified:
		return v1alpha1.Modified
	}
	return v1alpha1.Ready
}
