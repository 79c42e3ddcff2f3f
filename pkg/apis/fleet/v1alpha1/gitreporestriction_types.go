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

// GitRepoRestriction limits what GitRepos of its namespace may do, and fills in what they
// leave empty. An empty list permits everything. The lists of several GitRepoRestrictions
// are joined.
type GitRepoRestriction struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// DefaultServiceAccount is used by GitRepos that name no service account.
	// +optional
	DefaultServiceAccount string `json:"defaultServiceAccount,omitempty" schema:"nullable"`

	// AllowedServiceAccounts are the service accounts that GitRepos may name.
	// +optional
	// +listType=atomic
	AllowedServiceAccounts []string `json:"allowedServiceAccounts,omitempty" schema:"nullable"`

	// AllowedRepoPatterns are the repositories that GitRepos may use: URLs, or
	// regular expressions that match any part of one.
	// +optional
	// +listType=atomic
	AllowedRepoPatterns []string `json:"allowedRepoPatterns,omitempty" schema:"nullable"`

	// DefaultClientSecretName is used by GitRepos that name no Secret with
	// credentials.
	// +optional
	DefaultClientSecretName string `json:"defaultClientSecretName,omitempty" schema:"nullable"`

	// AllowedClientSecretNames are the Secrets with credentials that GitRepos may
	// name.
	// +optional
	// +listType=atomic
	AllowedClientSecretNames []string `json:"allowedClientSecretNames,omitempty" schema:"nullable"`

	// AllowedTargetNamespaces are the namespaces that GitRepos may deploy to. If it
	// is not empty, GitRepos must set targetNamespace.
	// +optional
	// +listType=atomic
	AllowedTargetNamespaces []string `json:"allowedTargetNamespaces,omitempty" schema:"nullable"`

	// AllowedTargetNamespaceSelector selects, by their labels in the downstream
	// cluster, the namespaces that GitRepos may deploy to. Agents enforce it.
	// +optional
	AllowedTargetNamespaceSelector *metav1.LabelSelector `json:"allowedTargetNamespaceSelector,omitempty" schema:"nullable"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// GitRepoRestrictionList is a list of GitRepoRestriction objects.
type GitRepoRestrictionList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []GitRepoRestriction `json:"items"`
}
