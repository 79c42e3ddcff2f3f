// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// ValidateClusterRegistrationToken reports what makes a ClusterRegistrationToken
// invalid.
func ValidateClusterRegistrationToken(t *v1alpha1.ClusterRegistrationToken) field.ErrorList {
	return validateDuration(field.NewPath("spec", "ttl"), t.Spec.TTL)
}

// WarnClusterRegistration reports what a ClusterRegistration may contain but cannot work.
func WarnClusterRegistration(r *v1alpha1.ClusterRegistration) []string {
	var w warnings
	w.warnLabels(field.NewPath("spec", "clusterLabels"), r.Spec.ClusterLabels)
	return w.list()
}
