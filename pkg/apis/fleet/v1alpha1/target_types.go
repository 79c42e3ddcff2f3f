// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// TargetCustomizationMode says which customizations of a Bundle apply to a Cluster.
// +enum
type TargetCustomizationMode string

const (
	// TargetCustomizationFirstMatch uses the first customization that matches the
	// Cluster, in place of the options of the target.
	TargetCustomizationFirstMatch TargetCustomizationMode = "FirstMatch"
	// TargetCustomizationAllMatches merges every customization that matches the
	// Cluster, in order, onto the options of the target.
	TargetCustomizationAllMatches TargetCustomizationMode = "AllMatches"
)

// ClusterCriteria select the Clusters that meet all the criteria that are set. With no
// criterion set they select nothing.
type ClusterCriteria struct {
	// ClusterName is the name of one Cluster, or its display name in Rancher.
	// +optional
	ClusterName string `json:"clusterName,omitempty" schema:"nullable"`

	// ClusterSelector selects Clusters by their labels. {} selects all.
	// Example: {"matchLabels": {"env": "prod"}}.
	// +optional
	ClusterSelector *metav1.LabelSelector `json:"clusterSelector,omitempty" schema:"nullable"`

	// ClusterGroup is the name of a ClusterGroup in the Cluster's namespace; its
	// Clusters are selected.
	// +optional
	ClusterGroup string `json:"clusterGroup,omitempty" schema:"nullable"`

	// ClusterGroupSelector selects ClusterGroups by their labels; the Clusters of all of
	// them are selected. {} selects all Clusters, including those in no group.
	// +optional
	ClusterGroupSelector *metav1.LabelSelector `json:"clusterGroupSelector,omitempty" schema:"nullable"`
}

// BundleTarget selects Clusters and says what is different for them. A Cluster is selected
// if it meets all the criteria that are set (clusterName, clusterSelector, clusterGroup,
// clusterGroupSelector); with no criterion set the target selects nothing. The first target
// that selects a Cluster decides. The target's options are merged onto those of the Bundle.
type BundleTarget struct {
	BundleDeploymentOptions `json:",inline"`

	// Name of the target. If a Secret holds the target's Helm values, they are found there
	// by this name.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	ClusterCriteria `json:",inline"`

	// DoNotDeploy keeps the Bundle away from the Clusters that this target
	// selects; later targets are not tried for them.
	// +optional
	DoNotDeploy bool `json:"doNotDeploy,omitempty"`
}

// BundleTargetRestriction is an entry of a Bundle's list of permitted Clusters. If the list
// is not empty, a target selects only Clusters that an entry selects too. If groups are
// involved, both must select the Cluster through the same ClusterGroup.
type BundleTargetRestriction struct {
	// Name of the entry. It is informational.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	ClusterCriteria `json:",inline"`
}

// BundleRef names Bundles that must be deployed first: one by its name, or all that a
// selector matches.
type BundleRef struct {
	// Name of the Bundle, in the same namespace.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	// Selector selects the Bundles by the labels of their BundleDeployments.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty" schema:"nullable"`

	// AcceptedStates are the states of a dependency in which the deployment may continue.
	// Default: only Ready. Example: ["Ready", "Modified"].
	// +optional
	// +listType=atomic
	AcceptedStates []BundleState `json:"acceptedStates,omitempty" schema:"nullable"`
}
