// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// ValidateSchedule reports what makes a Schedule invalid.
func ValidateSchedule(s *v1alpha1.Schedule) field.ErrorList {
	return validateDuration(field.NewPath("spec", "duration"), s.Spec.Duration)
}

// WarnSchedule reports what a Schedule may contain but cannot work.
func WarnSchedule(s *v1alpha1.Schedule) []string {
	var w warnings
	for i := range s.Spec.Targets.Clusters {
		t := &s.Spec.Targets.Clusters[i]
		w.warnCriteria(field.NewPath("spec", "targets", "clusters").Index(i), t.ClusterCriteria)
	}
	return w.list()
}
