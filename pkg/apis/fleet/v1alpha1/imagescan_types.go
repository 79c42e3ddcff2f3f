// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ImageScan watches an image repository for new tags and writes the one that its
// policy chooses into the files of a GitRepo.
type ImageScan struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says which image is watched, and which tag is chosen.
	// +optional
	Spec ImageScanSpec `json:"spec"`

	// Status says which tag was chosen last.
	// +optional
	Status ImageScanStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ImageScanList is a list of ImageScan objects.
type ImageScanList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []ImageScan `json:"items"`
}

// ImageScanSpec says which image is watched, and which tag is chosen.
type ImageScanSpec struct {
	// TagName is the name by which files of the repository refer to this scan: a comment
	// with it marks the lines to change.
	// +optional
	TagName string `json:"tagName,omitempty" schema:"nullable"`

	// GitRepoName, written as "gitrepoName", names the GitRepo of this namespace
	// whose files are changed.
	// +optional
	GitRepoName string `json:"gitrepoName,omitempty" schema:"nullable"`

	// Image is the image repository, without a tag. Example: ghcr.io/acme/web.
	// +required
	Image string `json:"image" schema:"nullable,required"`

	// Interval is the time between two scans. Default: 15m.
	// +required
	// +k8s:validation:minLength=1
	// +k8s:validation:maxLength=32
	Interval *Duration `json:"interval" schema:"nullable,required"`

	// SecretRef names the Secret of this namespace with the credentials of the
	// image repository.
	// +optional
	SecretRef *corev1.LocalObjectReference `json:"secretRef,omitempty" schema:"nullable"`

	// Suspend stops scanning.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// Policy says which tag is chosen.
	// +optional
	Policy ImagePolicyChoice `json:"policy"`
}

// ImagePolicyChoice says which of the tags of an image is chosen. Set one of the two
// fields.
type ImagePolicyChoice struct {
	// SemVer, written as "semver", chooses the highest version in a range.
	// +optional
	SemVer *SemVerPolicy `json:"semver,omitempty" schema:"nullable"`

	// Alphabetical chooses the first or last tag in alphabetical order.
	// +optional
	Alphabetical *AlphabeticalPolicy `json:"alphabetical,omitempty" schema:"nullable"`
}

// SemVerPolicy chooses the highest version in a range.
type SemVerPolicy struct {
	// Range of versions. Tags that are not versions are ignored. Example: >=1.2 <2.
	// +optional
	Range string `json:"range,omitempty" schema:"nullable"`
}

// AlphabeticalPolicy chooses the first or last tag in alphabetical order.
type AlphabeticalPolicy struct {
	// Order of the tags: asc chooses the last, desc the first. Default: asc.
	// +optional
	Order string `json:"order,omitempty" schema:"nullable"`
}

// ImageScanStatus says which tag was chosen last.
type ImageScanStatus struct {
	// Conditions are statements about the scan: ImageScanned and ImageSynced.
	// +optional
	// +listType=atomic
	Conditions []GenericCondition `json:"conditions,omitempty"`

	// LastScanTime is the time of the last scan.
	// +optional
	LastScanTime metav1.Time `json:"lastScanTime,omitempty,omitzero"`

	// LatestImage is the image with the chosen tag.
	// +optional
	LatestImage string `json:"latestImage,omitempty"`

	// LatestTag is the chosen tag.
	// +optional
	LatestTag string `json:"latestTag,omitempty"`

	// LatestDigest is the digest of the chosen tag.
	// +optional
	LatestDigest string `json:"latestDigest,omitempty"`

	// ObservedGeneration is the metadata.generation that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// CanonicalImageName is the image repository with its registry spelled out. Example:
	// docker.io/library/nginx.
	// +optional
	CanonicalImageName string `json:"canonicalImageName,omitempty"`
}
