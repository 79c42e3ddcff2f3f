// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// customizationModes are the values of targetCustomizationMode.
var customizationModes = []v1alpha1.TargetCustomizationMode{
	v1alpha1.TargetCustomizationFirstMatch,
	v1alpha1.TargetCustomizationAllMatches,
}

// bundleStates are the states that a BundleDeployment can be in (S 7.1).
var bundleStates = []v1alpha1.BundleState{
	v1alpha1.Ready, v1alpha1.NotReady, v1alpha1.Modified, v1alpha1.OutOfSync,
	v1alpha1.WaitApplied, v1alpha1.ErrApplied, v1alpha1.Pending,
}

// ValidateBundle reports what makes a Bundle invalid.
func ValidateBundle(b *v1alpha1.Bundle) field.ErrorList {
	return validateBundleSpec(&b.Spec)
}

// WarnBundle reports what a Bundle may contain but cannot work.
func WarnBundle(b *v1alpha1.Bundle) []string {
	var w warnings
	w.warnBundleSpec(&b.Spec)
	return w.list()
}

func validateBundleSpec(s *v1alpha1.BundleSpec) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateOptions(spec, &s.BundleDeploymentOptions)
	// An object from before the default existed may have "", which means the default
	// (S 2.4).
	if mode := s.TargetCustomizationMode; mode != "" && !slices.Contains(customizationModes, mode) {
		errs = append(errs, field.NotSupported(spec.Child("targetCustomizationMode"), mode, customizationModes))
	}
	for i := range s.Targets {
		errs = append(errs, validateOptions(spec.Child("targets").Index(i), &s.Targets[i].BundleDeploymentOptions)...)
	}
	return errs
}

// warnBundleSpec warns about the part that a Bundle and a HelmOp share.
func (w *warnings) warnBundleSpec(s *v1alpha1.BundleSpec) {
	spec := field.NewPath("spec")
	w.warnOptions(spec, &s.BundleDeploymentOptions)
	for i := range s.Targets {
		t, at := &s.Targets[i], spec.Child("targets").Index(i)
		w.warnCriteria(at, t.ClusterCriteria)
		w.warnOptions(at, &t.BundleDeploymentOptions)
	}
	for i := range s.TargetRestrictions {
		t, at := &s.TargetRestrictions[i], spec.Child("targetRestrictions").Index(i)
		w.warnCriteria(at, t.ClusterCriteria)
	}
	w.warnPositions(spec, s)
	w.warnRollout(spec.Child("rolloutStrategy"), s.RolloutStrategy)
	for i, d := range s.DependsOn {
		at := spec.Child("dependsOn").Index(i)
		if d.Name == "" && d.Selector == nil {
			w.add(at, "names no Bundle; set name or selector")
		}
		w.warnSelector(at.Child("selector"), d.Selector)
		for j, state := range d.AcceptedStates {
			if !slices.Contains(bundleStates, state) {
				w.add(at.Child("acceptedStates").Index(j), "%q is not a state, so it is never reached; use one of %v", state, bundleStates)
			}
		}
	}
	for i, r := range s.Resources {
		if r.Encoding != "" && r.Encoding != "base64+gz" {
			w.add(spec.Child("resources").Index(i).Child("encoding"), "%q is not known; use base64+gz, or leave it empty for plain text", r.Encoding)
		}
	}
}

// warnPositions warns about lists of targets and restrictions that do not mean what they
// seem to: only their lengths separate customizations from targets (S 2.3).
func (w *warnings) warnPositions(spec *field.Path, s *v1alpha1.BundleSpec) {
	targets, restrictions := len(s.Targets), len(s.TargetRestrictions)
	switch {
	case restrictions > targets:
		w.add(spec.Child("targetRestrictions"), "has %d entries for %d targets, so no target is a customization; keep at most one restriction per target", restrictions, targets)
	case restrictions == 0 && targets > 0 && s.TargetCustomizationMode == v1alpha1.TargetCustomizationAllMatches:
		w.add(spec.Child("targetCustomizationMode"), "AllMatches has no effect without spec.targetRestrictions: every entry of spec.targets is a target, none a customization")
	}
}
