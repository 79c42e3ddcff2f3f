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

// BundleNamespaceMapping lets Bundles of its namespace reach Clusters in other namespaces.
// Without one, a Bundle reaches only Clusters of its own namespace. It has no effect unless
// both selectors are set.
type BundleNamespaceMapping struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// BundleSelector selects, by their labels, the Bundles of this namespace that the
	// mapping applies to. {} selects all.
	// +optional
	BundleSelector *metav1.LabelSelector `json:"bundleSelector,omitempty" schema:"nullable"`

	// NamespaceSelector selects, by their labels, the namespaces whose Clusters
	// these Bundles may reach. {} selects all.
	// +optional
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty" schema:"nullable"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BundleNamespaceMappingList is a list of BundleNamespaceMapping objects.
type BundleNamespaceMappingList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []BundleNamespaceMapping `json:"items"`
}
