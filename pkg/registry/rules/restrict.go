// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Injected holds what GitRepoRestrictions and Policies put into options, overriding the Bundle
// (S 2.6). Nil injects nothing.
type Injected struct {
	// AllowedTargetNamespaceSelector replaces the Bundle's, unless it is nil. It applies
	// only to Bundles of a GitRepo.
	AllowedTargetNamespaceSelector *metav1.LabelSelector
	// NoNamespaceCreation sets createNamespace to false.
	NoNamespaceCreation bool
}

// Into returns options with the injected values.
func (i *Injected) Into(options v1alpha1.BundleDeploymentOptions) v1alpha1.BundleDeploymentOptions {
	if i == nil {
		return options
	}
	if i.AllowedTargetNamespaceSelector != nil {
		options.AllowedTargetNamespaceSelector = i.AllowedTargetNamespaceSelector
	}
	if i.NoNamespaceCreation {
		options.CreateNamespace = new(false)
	}
	return options
}

func byName[T metav1.Object](rules []T) []T {
	return slices.SortedFunc(slices.Values(rules), func(a, b T) int { return cmp.Compare(a.GetName(), b.GetName()) })
}

// MergeRestrictions returns the combined selector of all restrictions of one namespace, nil
// if none has a selector. It merges in the order of their names, so that the result, a part
// of deployment IDs, is always the same. Later labels win, and expressions add up.
func MergeRestrictions(restrictions []*v1alpha1.GitRepoRestriction) *metav1.LabelSelector {
	var merged *metav1.LabelSelector
	has := map[string]struct{}{}
	for _, r := range byName(restrictions) {
		s := r.AllowedTargetNamespaceSelector
		if s == nil {
			continue
		}
		if merged == nil {
			merged = &metav1.LabelSelector{}
		}
		if len(s.MatchLabels) > 0 {
			if merged.MatchLabels == nil {
				merged.MatchLabels = map[string]string{}
			}
			maps.Copy(merged.MatchLabels, s.MatchLabels)
		}
		for _, e := range s.MatchExpressions {
			one := fmt.Sprintf("%q %q %q", e.Key, e.Operator, e.Values)
			if _, again := has[one]; !again {
				has[one] = struct{}{}
				merged.MatchExpressions = append(merged.MatchExpressions, e)
			}
		}
	}
	return merged
}

// PolicySet combines the Policies of one namespace. The zero PolicySet is for a namespace
// without Policies.
type PolicySet struct {
	requireServiceAccount  bool
	allowNamespaceCreation bool
	allowed                []string
	// isAllowed has the same names: a Bundle may name thousands of accounts.
	isAllowed map[string]struct{}
}

// NewPolicySet combines Policies: booleans are ORed, lists are joined in the order of the
// Policies' names.
func NewPolicySet(policies []*v1alpha1.Policy) PolicySet {
	var set PolicySet
	for _, p := range byName(policies) {
		set.requireServiceAccount = set.requireServiceAccount || p.RequireServiceAccount
		set.allowNamespaceCreation = set.allowNamespaceCreation || p.AllowNamespaceCreation
		set.allowed = append(set.allowed, p.AllowedServiceAccounts...)
	}
	set.isAllowed = make(map[string]struct{}, len(set.allowed))
	for _, account := range set.allowed {
		set.isAllowed[account] = struct{}{}
	}
	return set
}

// NoNamespaceCreation reports whether agents must not create namespaces. Users who have to
// name a service account could otherwise gain one in a new namespace.
func (p PolicySet) NoNamespaceCreation() bool {
	return p.requireServiceAccount && !p.allowNamespaceCreation
}

// Gate returns why the Policies refuse a Bundle, or "". A target that names no service
// account inherits the Bundle's.
func (p PolicySet) Gate(spec *v1alpha1.BundleSpec) string {
	if p.requireServiceAccount && spec.ServiceAccount == "" {
		return "serviceAccount is required by Policy but is not set on the Bundle"
	}
	if account := spec.ServiceAccount; !p.allows(account) {
		return fmt.Sprintf("disallowed serviceAccount %.253s: %.253s not in allowed set %v", account, account, p.shown())
	}
	for i := range spec.Targets {
		if account := spec.Targets[i].ServiceAccount; !p.allows(account) {
			return fmt.Sprintf("disallowed serviceAccount %.253s in target %.253s: %.253s not in allowed set %v",
				account, spec.Targets[i].Name, account, p.shown())
		}
	}
	return ""
}

func (p PolicySet) allows(account string) bool {
	_, ok := p.isAllowed[account]
	return ok || account == "" || len(p.allowed) == 0
}

// maxShown bounds how many allowed accounts a message names.
const maxShown = 20

// shown returns the allowed accounts for a message. It is short because each Bundle of the
// namespace may have the message in its status.
func (p PolicySet) shown() []string {
	if len(p.allowed) <= maxShown {
		return p.allowed
	}
	return append(slices.Clip(p.allowed[:maxShown]), fmt.Sprintf("and %d more", len(p.allowed)-maxShown))
}
