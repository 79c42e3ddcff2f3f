// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// ValidateGitRepo reports what makes a GitRepo invalid.
func ValidateGitRepo(g *v1alpha1.GitRepo) field.ErrorList {
	spec := field.NewPath("spec")
	var errs field.ErrorList
	if g.Spec.Repo == "" {
		errs = append(errs, field.Required(spec.Child("repo"), `set the URL of a git repository, for example "https://github.com/rancher/fleet-examples"`))
	}
	errs = append(errs, validateDuration(spec.Child("pollingInterval"), g.Spec.PollingInterval)...)
	return append(errs, validateDuration(spec.Child("imageScanInterval"), g.Spec.ImageSyncInterval)...)
}

// WarnGitRepo reports what a GitRepo may contain but cannot work.
func WarnGitRepo(g *v1alpha1.GitRepo) []string {
	var w warnings
	spec := field.NewPath("spec")
	for i := range g.Spec.Targets {
		t := &g.Spec.Targets[i]
		w.warnCriteria(spec.Child("targets").Index(i), t.ClusterCriteria)
	}
	if msg := patternError(g.Spec.HelmRepoURLRegex); msg != "" {
		w.add(spec.Child("helmRepoURLRegex"), "%q is not a regular expression (%s), so Helm credentials are sent to no repository; correct it", g.Spec.HelmRepoURLRegex, msg)
	}
	return w.list()
}

// WarnGitRepoRestriction reports what a GitRepoRestriction may contain but cannot work.
func WarnGitRepoRestriction(r *v1alpha1.GitRepoRestriction) []string {
	var w warnings
	w.warnPatterns(field.NewPath("allowedRepoPatterns"), r.AllowedRepoPatterns)
	w.warnSelector(field.NewPath("allowedTargetNamespaceSelector"), r.AllowedTargetNamespaceSelector)
	return w.list()
}
