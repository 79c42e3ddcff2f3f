// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// ValidateCluster reports what makes a Cluster invalid.
func ValidateCluster(c *v1alpha1.Cluster) field.ErrorList {
	errs := validateNesting(field.NewPath("spec", "templateValues"), c.Spec.TemplateValues)
	for i, e := range c.Spec.AgentEnvVars {
		if e.Name == "" {
			errs = append(errs, field.Required(field.NewPath("spec", "agentEnvVars").Index(i).Child("name"), "set the name of the environment variable"))
		}
	}
	return errs
}

// ValidateClusterStatus reports what makes the status of a Cluster invalid. The status
// names the namespace of the Cluster's BundleDeployments, so it has to be a namespace's
// name.
func ValidateClusterStatus(c *v1alpha1.Cluster) field.ErrorList {
	var errs field.ErrorList
	if ns := c.Status.Namespace; ns != "" {
		for _, why := range validation.IsDNS1123Label(ns) {
			errs = append(errs, field.Invalid(field.NewPath("status", "namespace"), ns, why))
		}
	}
	return errs
}

// WarnClusterGroup reports what a ClusterGroup may contain but cannot work.
func WarnClusterGroup(g *v1alpha1.ClusterGroup) []string {
	var w warnings
	selector := field.NewPath("spec", "selector")
	if g.Spec.Selector == nil {
		w.add(selector, "is not set, so the group is empty; use {} for all Clusters of the namespace")
	}
	w.warnSelector(selector, g.Spec.Selector)
	return w.list()
}

// WarnBundleNamespaceMapping reports what a BundleNamespaceMapping may contain but cannot
// work: it needs both selectors (S 2.5).
func WarnBundleNamespaceMapping(m *v1alpha1.BundleNamespaceMapping) []string {
	var w warnings
	bundles, namespaces := field.NewPath("bundleSelector"), field.NewPath("namespaceSelector")
	if m.BundleSelector == nil {
		w.add(bundles, "is not set, so the mapping has no effect; use {} for all Bundles of the namespace")
	}
	if m.NamespaceSelector == nil {
		w.add(namespaces, "is not set, so the mapping has no effect; use {} for all namespaces")
	}
	w.warnSelector(bundles, m.BundleSelector)
	w.warnSelector(namespaces, m.NamespaceSelector)
	return w.list()
}
