// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// ValidateImageScan reports what makes an ImageScan invalid.
func ValidateImageScan(s *v1alpha1.ImageScan) field.ErrorList {
	spec := field.NewPath("spec")
	var errs field.ErrorList
	if s.Spec.Image == "" {
		errs = append(errs, field.Required(spec.Child("image"), `set an image repository, for example "docker.io/library/nginx"`))
	}
	if s.Spec.Interval == nil {
		errs = append(errs, field.Required(spec.Child("interval"), `set the time between two scans, for example "15m"`))
	}
	return append(errs, validateDuration(spec.Child("interval"), s.Spec.Interval)...)
}

// WarnImageScan reports what an ImageScan may contain but cannot work.
func WarnImageScan(s *v1alpha1.ImageScan) []string {
	var w warnings
	if a := s.Spec.Policy.Alphabetical; a != nil && a.Order != "" && a.Order != "asc" && a.Order != "desc" {
		w.add(field.NewPath("spec", "policy", "alphabetical", "order"), "%q is not known; use asc or desc", a.Order)
	}
	return w.list()
}
