// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// ValidateHelmOp reports what makes a HelmOp invalid.
func ValidateHelmOp(h *v1alpha1.HelmOp) field.ErrorList {
	return append(validateBundleSpec(&h.Spec.BundleSpec),
		validateDuration(field.NewPath("spec", "pollingInterval"), h.Spec.PollingInterval)...)
}

// WarnHelmOp reports what a HelmOp may contain but cannot work.
func WarnHelmOp(h *v1alpha1.HelmOp) []string {
	var w warnings
	w.warnBundleSpec(&h.Spec.BundleSpec)
	w.warnLabels(field.NewPath("spec", "labels"), h.Spec.Labels)
	return w.list()
}
