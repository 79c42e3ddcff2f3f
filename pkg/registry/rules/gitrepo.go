// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// RepoRules says what the GitRepoRestrictions and Policies of one namespace allow its
// GitRepos (S 10.1). The zero RepoRules are for a namespace without any.
type RepoRules struct {
	// These replace what a GitRepo does not name.
	serviceAccount, clientSecret string
	// An empty list allows everything.
	accounts, secrets, namespaces []string
	needsNamespace, needsAccount  bool
	// A pattern of a restriction matches any part of a URL, a pattern of a Policy the whole.
	// If both have patterns, matching one of them is enough.
	parts, wholes []pattern
}

// pattern is a URL, or an expression that matches URLs. A pattern that does not compile
// matches only the URL.
type pattern struct {
	verbatim string
	compiled *regexp.Regexp
}

// NewRepoRules combines the rules of one namespace, in the order of their names. The first
// default counts, and those of restrictions come before those of Policies.
func NewRepoRules(restrictions []*v1alpha1.GitRepoRestriction, policies []*v1alpha1.Policy) RepoRules {
	var rules RepoRules
	for _, r := range byName(restrictions) {
		rules.serviceAccount = cmp.Or(rules.serviceAccount, r.DefaultServiceAccount)
		rules.clientSecret = cmp.Or(rules.clientSecret, r.DefaultClientSecretName)
		rules.accounts = append(rules.accounts, r.AllowedServiceAccounts...)
		rules.secrets = append(rules.secrets, r.AllowedClientSecretNames...)
		rules.namespaces = append(rules.namespaces, r.AllowedTargetNamespaces...)
		rules.parts = appendPatterns(rules.parts, r.AllowedRepoPatterns, "", "")
		rules.needsNamespace = rules.needsNamespace || len(r.AllowedTargetNamespaces) > 0 || r.AllowedTargetNamespaceSelector != nil
	}
	for _, p := range byName(policies) {
		rules.needsAccount = rules.needsAccount || p.RequireServiceAccount
		rules.accounts = append(rules.accounts, p.AllowedServiceAccounts...)
		if p.GitRepo == nil {
			continue
		}
		rules.serviceAccount = cmp.Or(rules.serviceAccount, p.GitRepo.DefaultServiceAccount)
		rules.clientSecret = cmp.Or(rules.clientSecret, p.GitRepo.DefaultClientSecretName)
		rules.secrets = append(rules.secrets, p.GitRepo.AllowedClientSecretNames...)
		rules.wholes = appendPatterns(rules.wholes, p.GitRepo.AllowedRepoPatterns, "^(?:", ")$")
	}
	return rules
}

func appendPatterns(to []pattern, texts []string, before, after string) []pattern {
	for _, text := range texts {
		p := pattern{verbatim: text}
		// The text is compiled alone first: a parenthesis in it must not close the one
		// around it.
		if _, err := regexp.Compile(text); err == nil {
			p.compiled, _ = regexp.Compile(before + text + after)
		}
		to = append(to, p)
	}
	return to
}

// Allow reports whether the rules allow a GitRepo. Fleet's gitjob controller creates no
// Bundles from a GitRepo that they refuse, and reports the reason in its condition
// Accepted.
func (r *RepoRules) Allow(repo *v1alpha1.GitRepoSpec) bool {
	account := cmp.Or(repo.ServiceAccount, r.serviceAccount)
	return (repo.TargetNamespace != "" || !r.needsNamespace) &&
		among(r.namespaces, repo.TargetNamespace) &&
		among(r.accounts, account) &&
		among(r.secrets, cmp.Or(repo.ClientSecretName, r.clientSecret)) &&
		r.allowURL(repo.Repo) &&
		(account != "" || !r.needsAccount)
}

func among(allowed []string, value string) bool {
	return value == "" || len(allowed) == 0 || slices.Contains(allowed, value)
}

func (r *RepoRules) allowURL(url string) bool {
	matches := func(p pattern) bool { return p.verbatim == url || p.compiled != nil && p.compiled.MatchString(url) }
	return url == "" || len(r.parts)+len(r.wholes) == 0 ||
		slices.ContainsFunc(r.parts, matches) || slices.ContainsFunc(r.wholes, matches)
}
