// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +genclient:noStatus
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Policy limits what Bundles, GitRepos and HelmOps of its namespace may do, and fills in
// what they leave empty. An empty list permits everything. If a namespace has several
// Policies, their lists are joined, a permission or requirement of one holds for all, and a
// default comes from the first Policy by name that sets it.
type Policy struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// RequireServiceAccount refuses Bundles that name no service account.
	// +optional
	RequireServiceAccount bool `json:"requireServiceAccount,omitempty"`

	// AllowedServiceAccounts are the service accounts that Bundles and their targets may
	// name.
	// +optional
	// +listType=atomic
	AllowedServiceAccounts []string `json:"allowedServiceAccounts,omitempty" schema:"nullable"`

	// AllowNamespaceCreation lets Bundles create missing namespaces even if
	// requireServiceAccount is set. The agent creates namespaces with its own rights and
	// not with those of the service account, so that requirement forbids it by default.
	// +optional
	AllowNamespaceCreation bool `json:"allowNamespaceCreation,omitempty"`

	// GitRepo holds the rules for GitRepos.
	// +optional
	GitRepo *GitRepoPolicy `json:"gitRepo,omitempty"`

	// HelmOp holds the rules for HelmOps.
	// +optional
	HelmOp *HelmOpPolicy `json:"helmOp,omitempty"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// PolicyList is a list of Policy objects.
type PolicyList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []Policy `json:"items"`
}

// GitRepoPolicy holds the rules for GitRepos.
type GitRepoPolicy struct {
	// DefaultServiceAccount is used by GitRepos that name no service account.
	// +optional
	DefaultServiceAccount string `json:"defaultServiceAccount,omitempty"`

	// DefaultClientSecretName is used by GitRepos that name no Secret with
	// credentials.
	// +optional
	DefaultClientSecretName string `json:"defaultClientSecretName,omitempty"`

	// AllowedClientSecretNames are the Secrets with credentials that GitRepos may name.
	// +optional
	// +listType=atomic
	AllowedClientSecretNames []string `json:"allowedClientSecretNames,omitempty" schema:"nullable"`

	// AllowedRepoPatterns are the repositories that GitRepos may use: URLs, or regular
	// expressions that match a whole URL.
	// +optional
	// +listType=atomic
	AllowedRepoPatterns []string `json:"allowedRepoPatterns,omitempty" schema:"nullable"`
}

// HelmOpPolicy holds the rules for HelmOps.
type HelmOpPolicy struct {
	// DefaultServiceAccount is used by HelmOps that name no service account.
	// +optional
	DefaultServiceAccount string `json:"defaultServiceAccount,omitempty"`

	// DefaultHelmSecretName is used by HelmOps that name no Secret with credentials.
	// +optional
	DefaultHelmSecretName string `json:"defaultHelmSecretName,omitempty"`

	// AllowedHelmSecretNames are the Secrets with credentials that HelmOps may name.
	// +optional
	// +listType=atomic
	AllowedHelmSecretNames []string `json:"allowedHelmSecretNames,omitempty" schema:"nullable"`

	// AllowedHelmRepoPatterns are the chart repositories that HelmOps may use: URLs, or
	// regular expressions that match a whole URL.
	// +optional
	// +listType=atomic
	AllowedHelmRepoPatterns []string `json:"allowedHelmRepoPatterns,omitempty" schema:"nullable"`

	// AllowedChartPatterns are the charts that HelmOps may use: names, or regular
	// expressions that match a whole name.
	// +optional
	// +listType=atomic
	AllowedChartPatterns []string `json:"allowedChartPatterns,omitempty" schema:"nullable"`
}
