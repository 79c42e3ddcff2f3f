// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// StatusBase is the part of the status that GitRepos and HelmOps share: the state of their
// Bundles on all Clusters. It is computed.
type StatusBase struct {
	// ReadyClusters is the number of Clusters on which all Bundles are ready.
	// +optional
	ReadyClusters int `json:"readyClusters"`

	// DesiredReadyClusters is the number of Clusters that are deployed to.
	// +optional
	DesiredReadyClusters int `json:"desiredReadyClusters"`

	// Summary counts the BundleDeployments by state.
	// +optional
	Summary BundleSummary `json:"summary"`

	// Display holds what "kubectl get" shows.
	// +optional
	Display StatusDisplay `json:"display"`

	// Conditions are statements about the object. Ready is True if all Bundles are
	// ready on all Clusters; its message says what is not.
	// +optional
	// +listType=atomic
	Conditions []GenericCondition `json:"conditions,omitempty"`

	// Resources lists the deployed objects, each once for all Clusters.
	// +optional
	// +listType=atomic
	Resources []DeployedResource `json:"resources,omitempty"`

	// ResourceCounts counts the deployed objects of all Clusters by state.
	// +optional
	ResourceCounts ResourceCounts `json:"resourceCounts"`

	// PerClusterResourceCounts counts the deployed objects of each Cluster by
	// state. The key is namespace/name of the Cluster.
	// +optional
	PerClusterResourceCounts map[string]*ResourceCounts `json:"perClusterResourceCounts,omitempty"`
}

// StatusDisplay holds what "kubectl get" shows for a GitRepo or HelmOp.
type StatusDisplay struct {
	// ReadyBundleDeployments is the number of ready BundleDeployments and the number of all
	// of them. Example: 7/9.
	// +optional
	ReadyBundleDeployments string `json:"readyBundleDeployments,omitempty"`

	// State is the worst state of any BundleDeployment, and empty if all are ready. A
	// GitRepo whose Bundles are being made shows GitUpdating.
	// +optional
	State string `json:"state,omitempty"`

	// Message of the worst BundleDeployment.
	// +optional
	Message string `json:"message,omitempty"`

	// Error says that the message is not empty.
	// +optional
	Error bool `json:"error,omitempty"`
}

// DeployedResource is one deployed object across all Clusters.
type DeployedResource struct {
	// APIVersion of the object.
	// +optional
	APIVersion string `json:"apiVersion,omitempty" schema:"nullable"`

	// Kind of the object.
	// +optional
	Kind string `json:"kind,omitempty" schema:"nullable"`

	// Type is group and kind in lower case. Examples: apps.deployment, configmap.
	// +optional
	Type string `json:"type,omitempty"`

	// ID is namespace/name of the object, or its name if it has no namespace.
	// +optional
	ID string `json:"id,omitempty" schema:"nullable"`

	// Namespace of the object; empty if it has none.
	// +optional
	Namespace string `json:"namespace,omitempty" schema:"nullable"`

	// Name of the object.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	// IncompleteState says that an agent has cut its list of objects, so that a state may
	// be missing here.
	// +optional
	IncompleteState bool `json:"incompleteState,omitempty"`

	// State is the first state on any Cluster that is not Ready, otherwise Ready.
	// +optional
	State string `json:"state,omitempty"`

	// Error is not used.
	// +optional
	Error bool `json:"error,omitempty"`

	// Transitioning is not used.
	// +optional
	Transitioning bool `json:"transitioning,omitempty"`

	// Message is not used.
	// +optional
	Message string `json:"message,omitempty" schema:"nullable"`

	// PerClusterState lists the Clusters by the state of the object on them.
	PerClusterState PerClusterState `json:"perClusterState" schema:"nullable"`
}

// PerClusterState lists Clusters, as namespace/name, by the state of one object on them. A
// list that becomes too long is cut.
type PerClusterState struct {
	// Ready lists Clusters on which the object is healthy.
	// +optional
	// +listType=atomic
	Ready []string `json:"ready,omitempty"`

	// WaitApplied lists Clusters on which it is not applied yet.
	// +optional
	// +listType=atomic
	WaitApplied []string `json:"waitApplied,omitempty"`

	// Pending lists Clusters on which it does not exist yet.
	// +optional
	// +listType=atomic
	Pending []string `json:"pending,omitempty"`

	// Modified lists Clusters on which others have changed it.
	// +optional
	// +listType=atomic
	Modified []string `json:"modified,omitempty"`

	// Orphaned lists Clusters on which it should no longer exist.
	// +optional
	// +listType=atomic
	Orphaned []string `json:"orphaned,omitempty"`

	// Missing lists Clusters on which it does not exist or belongs to another owner.
	// +optional
	// +listType=atomic
	Missing []string `json:"missing,omitempty"`

	// Unknown lists Clusters on which its state is not known.
	// +optional
	// +listType=atomic
	Unknown []string `json:"unknown,omitempty"`

	// NotReady lists Clusters on which it is not healthy.
	// +optional
	// +listType=atomic
	NotReady []string `json:"notReady,omitempty"`
}
