// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ClusterGroup gives a name to the Clusters of its namespace that have certain
// labels, so that targets can refer to them. Membership follows the labels at once.
type ClusterGroup struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says which Clusters belong to the group.
	// +optional
	Spec ClusterGroupSpec `json:"spec"`

	// Status says how the Clusters of the group are doing. It is computed.
	// +optional
	Status ClusterGroupStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ClusterGroupList is a list of ClusterGroup objects.
type ClusterGroupList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []ClusterGroup `json:"items"`
}

// ClusterGroupSpec says which Clusters belong to the group.
type ClusterGroupSpec struct {
	// Selector selects the Clusters of this namespace by their labels. {} selects
	// all; without a selector the group is empty.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty" schema:"nullable"`
}

// ClusterGroupStatus says how the Clusters of the group are doing.
type ClusterGroupStatus struct {
	// ClusterCount is the number of Clusters in the group.
	// +optional
	ClusterCount int `json:"clusterCount"`

	// NonReadyClusterCount is the number of Clusters in the group on which not all
	// Bundles are ready.
	// +optional
	NonReadyClusterCount int `json:"nonReadyClusterCount"`

	// NonReadyClusters names the first ten of these Clusters.
	// +optional
	// +listType=atomic
	NonReadyClusters []string `json:"nonReadyClusters,omitempty" schema:"nullable"`

	// Conditions are statements about the group. Ready is True if all Bundles are
	// ready on all its Clusters; Processed is False if the selector is wrong.
	// +optional
	// +listType=atomic
	Conditions []GenericCondition `json:"conditions,omitempty"`

	// Summary counts the BundleDeployments of all Clusters in the group by state.
	// +optional
	Summary BundleSummary `json:"summary"`

	// Display holds what "kubectl get" shows.
	// +optional
	Display ClusterGroupDisplay `json:"display"`

	// ResourceCounts counts the objects that are deployed to the Clusters of the
	// group by state.
	// +optional
	ResourceCounts ResourceCounts `json:"resourceCounts"`
}

// ClusterGroupDisplay holds what "kubectl get clustergroups" shows.
type ClusterGroupDisplay struct {
	// ReadyClusters is the number of ready Clusters and the number of all Clusters, with
	// the names of those that are not ready. Example: 1/2 (edge-7).
	// +optional
	ReadyClusters string `json:"readyClusters,omitempty" schema:"nullable"`

	// ReadyBundles is the number of ready BundleDeployments and the number of all of them.
	// +optional
	ReadyBundles string `json:"readyBundles,omitempty" schema:"nullable"`

	// State is the worst state of any of these BundleDeployments; empty if all are ready.
	// +optional
	State string `json:"state,omitempty" schema:"nullable"`
}
