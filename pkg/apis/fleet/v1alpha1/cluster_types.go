// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +k8s:defaulter-gen=false
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Cluster stands for a downstream cluster that Bundles are deployed to. Its labels decide
// which Bundles: an edit of the labels takes effect at once.
type Cluster struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says how the agent of the cluster is run, and what templates can use.
	// +optional
	Spec ClusterSpec `json:"spec"`

	// Status says how the cluster is doing. It includes the agent's heartbeat.
	// +optional
	Status ClusterStatus `json:"status"`
}

// +k8s:defaulter-gen=false
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ClusterList is a list of Cluster objects.
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []Cluster `json:"items"`
}

// ClusterSpec says how the agent of the cluster is run, and what templates can use.
type ClusterSpec struct {
	// Paused stops new versions of all Bundles for this cluster. What is deployed stays,
	// and the agent stops maintaining it.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// ClientID identifies the cluster when its agent registers; the agent must
	// present the same one.
	// +optional
	ClientID string `json:"clientID,omitempty" schema:"nullable"`

	// KubeConfigSecret names the Secret with a kubeconfig of the cluster, if the manager
	// installs the agent there. If it is empty, the agent registers by itself.
	// +optional
	KubeConfigSecret string `json:"kubeConfigSecret,omitempty" schema:"nullable"`

	// KubeConfigSecretNamespace is the namespace of that Secret. Default: the
	// namespace of the Cluster.
	// +optional
	KubeConfigSecretNamespace string `json:"kubeConfigSecretNamespace,omitempty" schema:"nullable"`

	// RedeployAgentGeneration redeploys the agent whenever its value changes.
	// +optional
	RedeployAgentGeneration int64 `json:"redeployAgentGeneration,omitempty"`

	// AgentEnvVars are added to the environment of the agent. Example: HTTPS_PROXY.
	// +optional
	// +listType=atomic
	AgentEnvVars []corev1.EnvVar `json:"agentEnvVars,omitempty" schema:"nullable"`

	// AgentNamespace is the namespace in the cluster that the agent runs in. Default: the
	// one configured for all clusters.
	// +optional
	AgentNamespace string `json:"agentNamespace,omitempty" schema:"nullable"`

	// PrivateRepoURL is put before the name of the agent's image, to pull it from a private
	// registry.
	// +optional
	PrivateRepoURL string `json:"privateRepoURL,omitempty" schema:"nullable"`

	// TemplateValues holds data of any form that templates in Helm values can use, as
	// .ClusterValues. Example: templates read {"zone": {"name": "a"}} as ${
	// .ClusterValues.zone.name }.
	// +optional
	TemplateValues *GenericMap `json:"templateValues,omitempty" schema:"nullable"`

	// AgentTolerations are added to the tolerations of the agent.
	// +optional
	// +listType=atomic
	AgentTolerations []corev1.Toleration `json:"agentTolerations,omitempty" schema:"nullable"`

	// AgentAffinity replaces the affinity of the agent, which by default prefers
	// certain nodes.
	// +optional
	AgentAffinity *corev1.Affinity `json:"agentAffinity,omitempty" schema:"nullable"`

	// AgentResources are the resource requests and limits of the agent.
	// +optional
	AgentResources *corev1.ResourceRequirements `json:"agentResources,omitempty" schema:"nullable"`

	// HostNetwork runs the agent in the network of its node.
	// +optional
	HostNetwork *bool `json:"hostNetwork,omitempty" schema:"nullable"`

	// AgentSchedulingCustomization gives the agent a priority and protects it from
	// disruption.
	// +optional
	AgentSchedulingCustomization *AgentSchedulingCustomization `json:"agentSchedulingCustomization,omitempty" schema:"nullable"`

	// AgentPullSecrets names the Secrets with which the agent's image is pulled. They
	// replace those configured for all clusters.
	// +optional
	// +listType=atomic
	AgentPullSecrets []corev1.LocalObjectReference `json:"agentPullSecrets,omitempty" schema:"nullable"`
}

// AgentSchedulingCustomization gives the agent a priority and protects it from
// disruption.
type AgentSchedulingCustomization struct {
	// PriorityClass is the PriorityClass that is made for the agent.
	// +optional
	PriorityClass *PriorityClassSpec `json:"priorityClass,omitempty"`

	// PodDisruptionBudget is the PodDisruptionBudget that is made for the agent.
	// +optional
	PodDisruptionBudget *PodDisruptionBudgetSpec `json:"podDisruptionBudget,omitempty"`
}

// PriorityClassSpec describes the agent's PriorityClass.
type PriorityClassSpec struct {
	// Value is the priority, from -1000000000 to 1000000000. Higher wins.
	// +optional
	Value int `json:"value,omitempty"`

	// PreemptionPolicy says whether the agent may push other pods off a node:
	// PreemptLowerPriority or Never.
	// +optional
	PreemptionPolicy *corev1.PreemptionPolicy `json:"preemptionPolicy,omitempty"`
}

// PodDisruptionBudgetSpec describes the agent's PodDisruptionBudget. Set one of the two
// fields.
type PodDisruptionBudgetSpec struct {
	// MinAvailable is the number or percentage of pods that must remain. Examples: 1, 50%.
	// +optional
	MinAvailable string `json:"minAvailable,omitempty"`

	// MaxUnavailable is the number or percentage of pods that may be missing.
	// Examples: 0, 50%.
	// +optional
	MaxUnavailable string `json:"maxUnavailable,omitempty"`
}

// ClusterStatus says how the cluster is doing.
type ClusterStatus struct {
	// Conditions are statements about the cluster. Ready is True if all Bundles are ready
	// on it; Processed, Imported and Reconciled show the progress of its registration.
	// +optional
	// +listType=atomic
	Conditions []GenericCondition `json:"conditions,omitempty"`

	// Namespace is the cluster's own namespace, which holds its BundleDeployments.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// Summary counts the BundleDeployments of the cluster by state.
	// +optional
	Summary BundleSummary `json:"summary"`

	// ResourceCounts counts the objects that are deployed to the cluster by state.
	// +optional
	ResourceCounts ResourceCounts `json:"resourceCounts"`

	// ReadyGitRepos is the number of GitRepos that are ready on the cluster.
	// +optional
	ReadyGitRepos int `json:"readyGitRepos"`

	// DesiredReadyGitRepos is the number of GitRepos that deploy to the cluster.
	// +optional
	DesiredReadyGitRepos int `json:"desiredReadyGitRepos"`

	// ReadyHelmOps is the number of HelmOps that are ready on the cluster.
	// +optional
	ReadyHelmOps int `json:"readyHelmOps"`

	// DesiredReadyHelmOps is the number of HelmOps that deploy to the cluster.
	// +optional
	DesiredReadyHelmOps int `json:"desiredReadyHelmOps"`

	// AgentEnvVarsHash is the hash of the environment that the agent was deployed
	// with.
	// +optional
	AgentEnvVarsHash string `json:"agentEnvVarsHash,omitempty" schema:"nullable"`

	// AgentPrivateRepoURL is the private registry that the agent was deployed from.
	// +optional
	AgentPrivateRepoURL string `json:"agentPrivateRepoURL,omitempty" schema:"nullable"`

	// AgentHostNetwork says whether the agent was deployed into its node's network.
	// +optional
	AgentHostNetwork bool `json:"agentHostNetwork,omitempty" schema:"nullable"`

	// AgentDeployedGeneration is the redeployAgentGeneration that was last carried out.
	// +optional
	AgentDeployedGeneration *int64 `json:"agentDeployedGeneration,omitempty" schema:"nullable"`

	// AgentMigrated says that the move to the current kind of agent is done.
	// +optional
	AgentMigrated bool `json:"agentMigrated,omitempty"`

	// AgentNamespaceMigrated says that the agent's move to its namespace is done.
	// +optional
	AgentNamespaceMigrated bool `json:"agentNamespaceMigrated,omitempty"`

	// CattleNamespaceMigrated says that the agent's move to Rancher's system
	// namespace is done.
	// +optional
	CattleNamespaceMigrated bool `json:"cattleNamespaceMigrated,omitempty"`

	// AgentAffinityHash is the hash of the affinity that the agent was deployed
	// with.
	// +optional
	AgentAffinityHash string `json:"agentAffinityHash,omitempty"`

	// AgentResourcesHash is the hash of the resource requests and limits that the
	// agent was deployed with.
	// +optional
	AgentResourcesHash string `json:"agentResourcesHash,omitempty" schema:"nullable"`

	// AgentTolerationsHash is the hash of the tolerations that the agent was
	// deployed with.
	// +optional
	AgentTolerationsHash string `json:"agentTolerationsHash,omitempty" schema:"nullable"`

	// AgentSchedulingCustomizationHash is the hash of the priority and the
	// disruption budget that the agent was deployed with.
	// +optional
	AgentSchedulingCustomizationHash string `json:"agentSchedulingCustomizationHash,omitempty"`

	// AgentConfigChanged says that the agent must be deployed again, because the
	// configuration of the manager has changed.
	// +optional
	AgentConfigChanged bool `json:"agentConfigChanged,omitempty"`

	// APIServerURL is the address of the manager that the agent was deployed with.
	// +optional
	APIServerURL string `json:"apiServerURL,omitempty" schema:"nullable"`

	// APIServerCAHash is the hash of the manager's certificate authority that the
	// agent was deployed with.
	// +optional
	APIServerCAHash string `json:"apiServerCAHash,omitempty" schema:"nullable"`

	// AgentTLSMode says which authorities the agent trusts: strict means only the
	// manager's, system-store those of its system too.
	// +optional
	AgentTLSMode string `json:"agentTLSMode,omitempty" schema:"nullable"`

	// Display holds what "kubectl get" shows.
	// +optional
	Display ClusterDisplay `json:"display"`

	// Agent holds the report of the agent about itself.
	// +optional
	Agent AgentStatus `json:"agent"`

	// GarbageCollectionInterval is the time between two clean-ups that the agent was
	// deployed with. Example: 15m.
	// +optional
	GarbageCollectionInterval *Duration `json:"garbageCollectionInterval,omitempty"`

	// Scheduled says that a Schedule governs the cluster.
	// +optional
	Scheduled bool `json:"scheduled,omitempty"`

	// ActiveSchedule says that the window of that Schedule is open.
	// +optional
	ActiveSchedule bool `json:"activeSchedule,omitempty"`
}

// ClusterDisplay holds what "kubectl get clusters" shows.
type ClusterDisplay struct {
	// ReadyBundles is the number of Bundles that are ready on the cluster and the number of
	// all its Bundles. Example: 11/12.
	// +optional
	ReadyBundles string `json:"readyBundles,omitempty"`

	// State is the worst state of any Bundle on the cluster; empty if all are ready;
	// WaitCheckIn before the agent's first heartbeat.
	// +optional
	State string `json:"state,omitempty" schema:"nullable"`
}

// AgentStatus holds the report of the agent about itself.
type AgentStatus struct {
	// LastSeen is the time of the agent's last heartbeat. The agent sends one every 15
	// minutes by default.
	// +optional
	LastSeen metav1.Time `json:"lastSeen,omitempty,omitzero" schema:"nullable"`

	// Namespace is the namespace in the cluster that the agent runs in.
	// +optional
	Namespace string `json:"namespace,omitempty" schema:"nullable"`
}
