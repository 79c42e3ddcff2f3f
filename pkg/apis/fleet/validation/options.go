// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// maxReleaseName is Helm's limit.
const maxReleaseName = 53

// validateOptions checks the options of a Bundle, of one of its targets or of a
// HelmOp.
func validateOptions(path *field.Path, o *v1alpha1.BundleDeploymentOptions) field.ErrorList {
	if o.Helm == nil {
		return nil
	}
	return append(validateReleaseName(path.Child("helm", "releaseName"), o.Helm.ReleaseName),
		validateNesting(path.Child("helm", "values"), o.Helm.Values)...)
}

func validateReleaseName(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return nil
	}
	var errs field.ErrorList
	if len(name) > maxReleaseName {
		// The value does not show in the text, but Ratchet compares it.
		e := field.TooLong(path, name, maxReleaseName)
		e.BadValue = name
		errs = append(errs, e)
	}
	for _, msg := range validation.IsDNS1123Subdomain(name) {
		errs = append(errs, field.Invalid(path, name, msg))
	}
	return errs
}

// warnOptions warns about options with which every deployment fails.
func (w *warnings) warnOptions(path *field.Path, o *v1alpha1.BundleDeploymentOptions) {
	w.warnSelector(path.Child("allowedTargetNamespaceSelector"), o.AllowedTargetNamespaceSelector)
	for i, r := range o.DownstreamResources {
		if kind := strings.ToLower(r.Kind); kind != "secret" && kind != "configmap" {
			w.add(path.Child("downstreamResources").Index(i).Child("kind"), "%q cannot be copied; use Secret or ConfigMap", r.Kind)
		}
	}
}
