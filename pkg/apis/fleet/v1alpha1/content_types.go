// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +genclient
// +genclient:nonNamespaced
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Content holds the resources of one version of a Bundle, compressed. Its name is derived
// from its data, so it never changes. Agents read it by the first part of a deployment ID.
type Content struct {
	metav1.TypeMeta `json:",inline"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Content is the manifest of the resources, as JSON, compressed with gzip.
	// +optional
	Content []byte `json:"content,omitempty" schema:"nullable,nonempty"`

	// SHA256Sum, written as "sha256sum", is the SHA-256 digest of the manifest
	// before compression, in hexadecimal. Agents check it.
	// +optional
	SHA256Sum string `json:"sha256sum,omitempty"`

	// Status says whether the content is still in use.
	// +optional
	Status ContentStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ContentList is a list of Content objects.
type ContentList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []Content `json:"items"`
}

// ContentStatus says whether a Content is still in use.
type ContentStatus struct {
	// ReferenceCount is the number of BundleDeployments whose newest version it is.
	// +optional
	ReferenceCount int `json:"referenceCount,omitempty"`
}
