// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Bundle is a set of resources together with the Clusters that it goes to. Every Cluster
// that a target selects gets a BundleDeployment. BundleDeployments are not created but
// computed: one exists from the moment the labels match. Most Bundles are made from a
// GitRepo or a HelmOp; a hand-made one works the same way.
type Bundle struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says what is deployed, where, and how.
	// +optional
	Spec BundleSpec `json:"spec"`

	// Status says how far the deployment has come. It is computed.
	// +optional
	Status BundleStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BundleList is a list of Bundle objects.
type BundleList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []Bundle `json:"items"`
}

// BundleSpec says what is deployed, where, and how. The options at its top level
// hold for all Clusters; those of a target are merged onto them.
type BundleSpec struct {
	BundleDeploymentOptions `json:",inline"`

	// Paused stops the roll-out of new versions. What is deployed stays, and agents stop
	// maintaining it.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// RolloutStrategy limits how fast a new version reaches the Clusters. Default:
	// all at once.
	// +optional
	RolloutStrategy *RolloutStrategy `json:"rolloutStrategy,omitempty" schema:"nullable"`

	// Resources are the files of the Bundle: manifests, charts, kustomizations. Their
	// order is part of the Bundle's identity.
	// +optional
	// +listType=atomic
	Resources []BundleResource `json:"resources,omitempty" schema:"nullable"`

	// TargetCustomizationMode says which customizations apply to a Cluster if several match
	// it: FirstMatch uses the first in place of the target's options; AllMatches merges all
	// of them, in order. Default: FirstMatch.
	// +optional
	// +default="FirstMatch"
	TargetCustomizationMode TargetCustomizationMode `json:"targetCustomizationMode,omitempty" schema:"nonempty"`

	// Targets select the Clusters; the first target that matches a Cluster decides. If
	// targetRestrictions is not empty, the last targets of the list, as many as there are
	// restrictions, are the targets proper. The entries before them are customizations,
	// which select nothing and only change options.
	// +optional
	// +listType=atomic
	Targets []BundleTarget `json:"targets,omitempty"`

	// TargetRestrictions limits the Clusters that targets may select: at least one of its
	// entries must match too. Default: no limit.
	// +optional
	// +listType=atomic
	TargetRestrictions []BundleTargetRestriction `json:"targetRestrictions,omitempty"`

	// DependsOn names Bundles that must be deployed on a Cluster before this one
	// is deployed there.
	// +optional
	// +listType=atomic
	DependsOn []BundleRef `json:"dependsOn,omitempty" schema:"nullable"`

	// ContentsID, written as "contentsId", identifies the resources if an OCI registry
	// holds them instead of the Bundle.
	// +optional
	ContentsID string `json:"contentsId,omitempty" schema:"nullable"`

	// HelmOpOptions marks a Bundle that comes from a HelmOp: the agent downloads
	// the chart itself.
	// +optional
	HelmOpOptions *BundleHelmOptions `json:"helmOpOptions,omitempty" schema:"nullable"`

	// ValuesHash is the hash of the Secret that holds the Helm values, which has the name
	// of the Bundle. If it is empty, the Bundle itself holds the values.
	// +optional
	ValuesHash string `json:"valuesHash,omitempty"`
}

// BundleResource is one file of a Bundle.
type BundleResource struct {
	// Name is the path of the file, relative to the root of the Bundle.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	// Content of the file, in the given encoding.
	// +optional
	Content string `json:"content,omitempty" schema:"nullable"`

	// Encoding is empty for plain text, and base64+gz for compressed content.
	// +optional
	Encoding string `json:"encoding,omitempty" schema:"nullable"`
}

// BundleStatus says how far the deployment of a Bundle has come.
type BundleStatus struct {
	// Conditions are statements about the Bundle. Ready is True if it is ready on
	// all Clusters; its message says what is not.
	// +optional
	// +listType=atomic
	Conditions []GenericCondition `json:"conditions,omitempty"`

	// Summary counts the Clusters of the Bundle by state.
	// +optional
	Summary BundleSummary `json:"summary"`

	// NewlyCreated is the number of BundleDeployments that are new since the last pass of
	// the roll-out.
	// +optional
	NewlyCreated int `json:"newlyCreated,omitempty"`

	// Unavailable is the number of Clusters on which the Bundle is not ready or does not
	// have the expected version.
	// +optional
	Unavailable int `json:"unavailable"`

	// UnavailablePartitions is the number of partitions that are over their limit.
	// +optional
	UnavailablePartitions int `json:"unavailablePartitions"`

	// MaxUnavailable is the limit for unavailable Clusters, as a number.
	// +optional
	MaxUnavailable int `json:"maxUnavailable"`

	// MaxUnavailablePartitions is the limit for unavailable partitions, as a number.
	// +optional
	MaxUnavailablePartitions int `json:"maxUnavailablePartitions"`

	// PartitionStatus, written as "partitions", shows the progress of each partition of the
	// roll-out, in order.
	// +optional
	// +listType=atomic
	PartitionStatus []PartitionStatus `json:"partitions,omitempty"`

	// Display holds what "kubectl get" shows.
	// +optional
	Display BundleDisplay `json:"display"`

	// ResourceKey is no longer used and always empty.
	// +optional
	// +listType=atomic
	ResourceKey []ResourceKey `json:"resourceKey,omitempty" schema:"nullable"`

	// OCIReference is the address of the resources in an OCI registry, if they are kept
	// there. It is informational.
	// +optional
	OCIReference string `json:"ociReference,omitempty"`

	// ObservedGeneration is the metadata.generation that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration"`

	// ResourcesSHA256Sum is the SHA-256 digest of the resources, in hexadecimal.
	// +optional
	ResourcesSHA256Sum string `json:"resourcesSha256Sum,omitempty"`
}

// BundleDisplay holds what "kubectl get bundles" shows.
type BundleDisplay struct {
	// ReadyClusters is the number of ready Clusters and the number of all Clusters.
	// Example: 3/4.
	// +optional
	ReadyClusters string `json:"readyClusters,omitempty" schema:"nullable"`

	// State is the worst state on any Cluster; empty if all are ready.
	// +optional
	State string `json:"state,omitempty" schema:"nullable"`
}

// PartitionStatus shows the progress of one partition of a roll-out.
type PartitionStatus struct {
	// Name of the partition.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	// Count is the number of Clusters in it.
	// +optional
	Count int `json:"count,omitempty"`

	// MaxUnavailable is its limit for unavailable Clusters, as a number.
	// +optional
	MaxUnavailable int `json:"maxUnavailable,omitempty"`

	// Unavailable is the number of its Clusters that are unavailable or do not have
	// the newest version.
	// +optional
	Unavailable int `json:"unavailable,omitempty"`

	// Summary counts its Clusters by state.
	// +optional
	Summary BundleSummary `json:"summary"`
}

// ResourceKey names a deployed object.
type ResourceKey struct {
	// Kind of the object.
	// +optional
	Kind string `json:"kind,omitempty" schema:"nullable"`

	// APIVersion of the object.
	// +optional
	APIVersion string `json:"apiVersion,omitempty" schema:"nullable"`

	// Namespace of the object; empty if it has none.
	// +optional
	Namespace string `json:"namespace,omitempty" schema:"nullable"`

	// Name of the object.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`
}
