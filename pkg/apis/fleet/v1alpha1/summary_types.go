// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "k8s.io/apimachinery/pkg/types"

// BundleState says how far a BundleDeployment has come. From best to worst: Ready,
// NotReady, Pending, OutOfSync, Modified, WaitApplied, ErrApplied.
type BundleState string

// States of a BundleDeployment, the best first (S 7.1). The empty state ranks
// below all of them.
const (
	// Ready: deployed, all objects healthy, nothing changed by others.
	Ready BundleState = "Ready"
	// NotReady: deployed, but some objects are not healthy.
	NotReady BundleState = "NotReady"
	// Pending: targeted, but its BundleDeployment does not exist yet.
	Pending BundleState = "Pending"
	// OutOfSync: a newer version exists but the roll-out has not released it.
	OutOfSync BundleState = "OutOfSync"
	// Modified: others have changed objects that were deployed.
	Modified BundleState = "Modified"
	// WaitApplied: the agent has not yet applied the released version.
	WaitApplied BundleState = "WaitApplied"
	// ErrApplied: the agent failed to apply the released version.
	ErrApplied BundleState = "ErrApplied"
)

// GenericCondition is one statement about an object.
type GenericCondition struct {
	// Type names what is stated. Example: Ready.
	// +optional
	Type string `json:"type,omitempty"`

	// Status says whether the statement holds: True, False or Unknown.
	// +optional
	Status string `json:"status,omitempty"`

	// Reason is one word: Error after a failure, otherwise usually empty.
	// +optional
	Reason string `json:"reason,omitempty"`

	// Message explains the status in words.
	// +optional
	Message string `json:"message,omitempty"`

	// LastUpdateTime is when status or message last changed, as RFC 3339 text.
	// +optional
	LastUpdateTime string `json:"lastUpdateTime,omitempty"`

	// LastTransitionTime is when the status last changed, as RFC 3339 text. Fleet
	// itself does not write it.
	// +optional
	LastTransitionTime string `json:"lastTransitionTime,omitempty"`
}

// BundleSummary counts BundleDeployments, or Clusters, by state.
type BundleSummary struct {
	// NotReady counts those that are deployed but not healthy.
	// +optional
	NotReady int `json:"notReady,omitempty"`

	// WaitApplied counts those that the agent has not yet applied.
	// +optional
	WaitApplied int `json:"waitApplied,omitempty"`

	// ErrApplied counts those that the agent failed to apply.
	// +optional
	ErrApplied int `json:"errApplied,omitempty"`

	// OutOfSync counts those that a roll-out has not yet released.
	// +optional
	OutOfSync int `json:"outOfSync,omitempty"`

	// Modified counts those that others have changed.
	// +optional
	Modified int `json:"modified,omitempty"`

	// Ready counts those that are as they should be.
	// +optional
	Ready int `json:"ready"`

	// Pending counts those that are targeted but do not exist yet.
	// +optional
	Pending int `json:"pending,omitempty"`

	// DesiredReady counts all of them, because all should be ready.
	// +optional
	DesiredReady int `json:"desiredReady"`

	// NonReadyResources explains some of those that are not ready: the first ten,
	// or up to 19 in a ClusterGroup.
	// +optional
	// +listType=atomic
	NonReadyResources []NonReadyResource `json:"nonReadyResources,omitempty" schema:"nullable"`
}

// NonReadyResource explains why one BundleDeployment or Cluster is not ready.
type NonReadyResource struct {
	// Name of the BundleDeployment; in a Bundle, the Cluster as namespace/name.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	// State of the BundleDeployment or Cluster, written as "bundleState".
	// +optional
	State BundleState `json:"bundleState,omitempty" schema:"nullable"`

	// Message of the agent about the state.
	// +optional
	Message string `json:"message,omitempty" schema:"nullable"`

	// ModifiedStatus lists the objects that differ from what they should be.
	// +optional
	// +listType=atomic
	ModifiedStatus []ModifiedStatus `json:"modifiedStatus,omitempty" schema:"nullable"`

	// NonReadyStatus lists the objects that are not healthy.
	// +optional
	// +listType=atomic
	NonReadyStatus []NonReadyStatus `json:"nonReadyStatus,omitempty" schema:"nullable"`
}

// ModifiedStatus describes one object that differs from what it should be.
type ModifiedStatus struct {
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

	// Create, written as "missing", says that the object does not exist, or does not belong
	// to this deployment.
	// +optional
	Create bool `json:"missing,omitempty"`

	// Exist says that an object with this name exists and has another owner.
	// +optional
	Exist bool `json:"exist,omitempty"`

	// Delete says that the object exists and should not.
	// +optional
	Delete bool `json:"delete,omitempty"`

	// Patch is the difference: a JSON patch as text.
	// +optional
	Patch string `json:"patch,omitempty" schema:"nullable"`
}

// NonReadyStatus describes one object that is not healthy.
type NonReadyStatus struct {
	// UID of the object.
	// +optional
	UID types.UID `json:"uid,omitempty" schema:"nullable"`

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

	// Summary says what is wrong with the object.
	// +optional
	Summary ObjectSummary `json:"summary"`
}

// ObjectSummary says briefly how one object is doing.
type ObjectSummary struct {
	// State in one word. Example: in-progress.
	// +optional
	State string `json:"state,omitempty"`

	// Error says that something failed.
	// +optional
	Error bool `json:"error,omitempty"`

	// Transitioning says that the object is still changing.
	// +optional
	Transitioning bool `json:"transitioning,omitempty"`

	// Message holds texts that explain the state.
	// +optional
	// +listType=atomic
	Message []string `json:"message,omitempty"`
}

// ResourceCounts counts deployed objects by state. All counters are always shown.
type ResourceCounts struct {
	// Ready counts healthy objects.
	// +optional
	Ready int `json:"ready"`

	// DesiredReady counts all objects that should exist and be healthy.
	// +optional
	DesiredReady int `json:"desiredReady"`

	// WaitApplied counts objects that are not applied yet. Agents report 0.
	// +optional
	WaitApplied int `json:"waitApplied"`

	// Modified counts objects that others have changed.
	// +optional
	Modified int `json:"modified"`

	// Orphaned counts objects that should no longer exist.
	// +optional
	Orphaned int `json:"orphaned"`

	// Missing counts objects that do not exist or belong to another owner.
	// +optional
	Missing int `json:"missing"`

	// Unknown counts objects whose state is not known. Agents report 0.
	// +optional
	Unknown int `json:"unknown"`

	// NotReady counts objects that are not healthy.
	// +optional
	NotReady int `json:"notReady"`
}
