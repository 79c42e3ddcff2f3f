// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// +genclient
// +genclient:skipVerbs=create,delete
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BundleDeployment is one Bundle on one Cluster: what the agent of that Cluster deploys,
// and what it reports. It lives in the Cluster's own namespace and is computed from the
// Bundle and the Cluster whenever it is read. It cannot be created, edited or deleted: edit
// the Bundle's targets or the Cluster's labels. Agents write their report to its status.
type BundleDeployment struct {
	metav1.TypeMeta `json:",inline"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says what the agent has to deploy. It is computed.
	// +optional
	Spec BundleDeploymentSpec `json:"spec"`

	// Status is the report of the agent, with a computed summary for display.
	// +optional
	Status BundleDeploymentStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BundleDeploymentList is a list of BundleDeployment objects.
type BundleDeploymentList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []BundleDeployment `json:"items"`
}

// BundleDeploymentSpec says what the agent has to deploy. The staged fields are
// the newest version; the others are the version that the roll-out has released,
// and that the agent deploys.
type BundleDeploymentSpec struct {
	// Paused makes the agent leave everything as it is: the Bundle or the Cluster is
	// paused.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// StagedOptions are the options of the newest version.
	// +optional
	StagedOptions BundleDeploymentOptions `json:"stagedOptions"`

	// StagedDeploymentID identifies the newest version.
	// +optional
	StagedDeploymentID string `json:"stagedDeploymentID,omitempty" schema:"nullable"`

	// Options are the options of the released version.
	// +optional
	Options BundleDeploymentOptions `json:"options"`

	// DeploymentID identifies the released version: the ID of its resources, a colon, and a
	// hash of its options. The agent deploys if it differs from the one that was applied
	// last.
	// +optional
	DeploymentID string `json:"deploymentID,omitempty" schema:"nullable"`

	// DependsOn names Bundles that must be deployed on the Cluster first.
	// +optional
	// +listType=atomic
	DependsOn []BundleRef `json:"dependsOn,omitempty" schema:"nullable"`

	// CorrectDrift makes the agent undo changes that others make.
	// +optional
	CorrectDrift *CorrectDrift `json:"correctDrift,omitempty"`

	// OCIContents says that the resources are in an OCI registry.
	// +optional
	OCIContents bool `json:"ociContents,omitempty"`

	// HelmChartOptions says that the agent downloads the chart itself, and how.
	// +optional
	HelmChartOptions *BundleHelmOptions `json:"helmChartOptions,omitempty"`

	// ValuesHash is the hash of the Secret that holds the Helm values. If it is empty, the
	// options hold the values.
	// +optional
	ValuesHash string `json:"valuesHash,omitempty" schema:"nullable"`

	// DownstreamResourcesGeneration grows whenever one of the options' downstreamResources
	// changes, so that the agent copies them again.
	// +optional
	DownstreamResourcesGeneration int64 `json:"downstreamResourcesGeneration,omitempty"`

	// OffSchedule makes the agent leave everything as it is: a Schedule governs the
	// Cluster, and its window is closed.
	// +optional
	OffSchedule bool `json:"offSchedule,omitempty"`

	// WaitingForValues makes the agent leave everything as it is, because the Secret with
	// the Helm values is missing.
	// +optional
	WaitingForValues bool `json:"waitingForValues,omitempty"`
}

// BundleDeploymentStatus is the report of the agent.
type BundleDeploymentStatus struct {
	// Conditions are the agent's statements: Installed, Deployed, Monitored and Ready.
	// +optional
	// +listType=atomic
	Conditions []GenericCondition `json:"conditions,omitempty" schema:"nullable"`

	// AppliedDeploymentID identifies the version that the agent applied last.
	// +optional
	AppliedDeploymentID string `json:"appliedDeploymentID,omitempty" schema:"nullable"`

	// Release names the Helm release as namespace/name:revision.
	// +optional
	Release string `json:"release,omitempty" schema:"nullable"`

	// Ready says that all deployed objects are healthy.
	// +optional
	Ready bool `json:"ready,omitempty"`

	// NonModified says that the deployed objects have not been changed by others.
	// +optional
	NonModified bool `json:"nonModified,omitempty"`

	// NonReadyStatus lists the first ten objects that are not healthy.
	// +optional
	// +listType=atomic
	NonReadyStatus []NonReadyStatus `json:"nonReadyStatus,omitempty" schema:"nullable"`

	// ModifiedStatus lists the first ten objects that differ from what they should be.
	// +optional
	// +listType=atomic
	ModifiedStatus []ModifiedStatus `json:"modifiedStatus,omitempty" schema:"nullable"`

	// IncompleteState says that one of these two lists was cut.
	// +optional
	IncompleteState bool `json:"incompleteState,omitempty"`

	// Display holds what "kubectl get" shows. It is computed.
	// +optional
	Display BundleDeploymentDisplay `json:"display" schema:"nullable"`

	// SyncGeneration is the forceSyncGeneration that the agent last carried out.
	// +optional
	SyncGeneration *int64 `json:"syncGeneration,omitempty" schema:"nullable"`

	// Resources lists the deployed objects.
	// +optional
	// +listType=atomic
	Resources []BundleDeploymentResource `json:"resources,omitempty" schema:"nullable"`

	// ResourceCounts counts the deployed objects by state.
	// +optional
	ResourceCounts ResourceCounts `json:"resourceCounts"`

	// DownstreamResourcesGeneration is the value from the spec that the agent last carried
	// out.
	// +optional
	DownstreamResourcesGeneration int64 `json:"downstreamResourcesGeneration,omitempty"`
}

// BundleDeploymentDisplay holds what "kubectl get bundledeployments" shows.
type BundleDeploymentDisplay struct {
	// Deployed is the status of the condition Deployed, or "Error: " and its
	// message.
	// +optional
	Deployed string `json:"deployed,omitempty" schema:"nullable"`

	// Monitored is the status of the condition Monitored, or "Error: " and its
	// message.
	// +optional
	Monitored string `json:"monitored,omitempty" schema:"nullable"`

	// State of the BundleDeployment. Example: WaitApplied.
	// +optional
	State string `json:"state,omitempty" schema:"nullable"`
}

// BundleDeploymentResource names one deployed object.
type BundleDeploymentResource struct {
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

	// CreatedAt is when the object was created in the downstream cluster.
	// +optional
	CreatedAt metav1.Time `json:"createdAt,omitempty,omitzero" schema:"nullable"`
}
