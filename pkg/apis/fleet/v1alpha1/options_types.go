// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BundleDeploymentOptions says how the resources of a Bundle are deployed: into which
// namespace, rendered how, with whose rights, and how the agent maintains them. A Bundle
// sets them for all Clusters; a target may override them for some.
type BundleDeploymentOptions struct {
	// The order of the fields is part of the contract: a deployment ID is the hash
	// of this struct's JSON, without diff and correctDrift (S 4.2).

	// YAML holds the options for plain manifests.
	// +optional
	YAML *YAMLOptions `json:"yaml,omitempty" schema:"nullable"`

	// Kustomize makes kustomize build the resources before they are deployed.
	// +optional
	Kustomize *KustomizeOptions `json:"kustomize,omitempty" schema:"nullable"`

	// DefaultNamespace is the namespace for objects that name none. Objects that name one,
	// and cluster-scoped objects, keep what they have. Default: the namespace "default".
	// +optional
	DefaultNamespace string `json:"defaultNamespace,omitempty" schema:"nullable"`

	// TargetNamespace, written as "namespace", forces every object into this namespace,
	// whatever the object says. A Bundle that contains a cluster-scoped object, such as a
	// ClusterRole, then fails to deploy.
	// +optional
	TargetNamespace string `json:"namespace,omitempty" schema:"nullable"`

	// Helm holds the chart to deploy and its values. Resources without a chart are deployed
	// as a chart too, so releaseName, atomic and the like also work for them.
	// +optional
	Helm *HelmOptions `json:"helm,omitempty"`

	// ServiceAccount is the account in the downstream cluster that the agent impersonates
	// when it deploys. If it is empty, the agent uses its own rights.
	// +optional
	ServiceAccount string `json:"serviceAccount,omitempty" schema:"nullable"`

	// CreateNamespace says whether a missing namespace is created. Default: true. With
	// false, the deployment fails if the namespace is missing.
	// +optional
	CreateNamespace *bool `json:"createNamespace,omitempty" schema:"nullable"`

	// ForceSyncGeneration redeploys everything, even if nothing else has changed, whenever
	// its value grows.
	// +optional
	ForceSyncGeneration int64 `json:"forceSyncGeneration,omitempty"`

	// Diff lists differences between the deployed objects and the Bundle that do not count
	// as drift, such as a field that a controller fills in.
	// +optional
	Diff *DiffOptions `json:"diff,omitempty" schema:"nullable"`

	// KeepResources leaves the deployed objects in the downstream cluster when the Bundle
	// no longer targets it or is deleted. Default: they are removed.
	// +optional
	KeepResources bool `json:"keepResources,omitempty"`

	// DeleteNamespace deletes the namespace that was deployed to, and everything in it,
	// when the GitRepo or HelmOp is removed. Default: the namespace remains.
	// +optional
	DeleteNamespace bool `json:"deleteNamespace,omitempty"`

	// IgnoreOptions, written as "ignore", lists conditions of deployed objects that do not
	// count when readiness is judged.
	// +optional
	IgnoreOptions *IgnoreOptions `json:"ignore,omitempty" schema:"nullable"`

	// CorrectDrift makes the agent undo changes that others make to the deployed objects.
	// Default: such changes are reported and left alone.
	// +optional
	CorrectDrift *CorrectDrift `json:"correctDrift,omitempty"`

	// NamespaceLabels are put on the namespace that is deployed to. Other labels of the
	// namespace are removed, except those that Kubernetes sets itself.
	// +optional
	NamespaceLabels map[string]string `json:"namespaceLabels,omitempty" schema:"nullable"`

	// NamespaceAnnotations are put on the namespace that is deployed to. Other
	// annotations of the namespace are removed.
	// +optional
	NamespaceAnnotations map[string]string `json:"namespaceAnnotations,omitempty" schema:"nullable"`

	// DeleteCRDResources also removes the CustomResourceDefinitions of the Bundle when it
	// is uninstalled, and with them all objects of these kinds. Default: definitions
	// remain.
	// +optional
	DeleteCRDResources bool `json:"deleteCRDResources,omitempty"`

	// DownstreamResources names Secrets and ConfigMaps of the Bundle's namespace
	// that are copied to the downstream cluster before the Bundle is deployed.
	// +optional
	// +listType=atomic
	DownstreamResources []DownstreamResource `json:"downstreamResources,omitempty"`

	// Overwrites names objects that this Bundle may take over from another Bundle, which is
	// about to lose them. "fleet apply" writes it.
	// +optional
	// +listType=atomic
	Overwrites []OverwrittenResource `json:"overwrites,omitempty"`

	// AllowedTargetNamespaceSelector restricts, by their labels, the namespaces of the
	// downstream cluster that may be deployed to. It comes from the GitRepoRestrictions of
	// the Bundle's namespace, which override any value set here.
	// +optional
	AllowedTargetNamespaceSelector *metav1.LabelSelector `json:"allowedTargetNamespaceSelector,omitempty" schema:"nullable"`
}

// YAMLOptions holds the options for plain manifests.
type YAMLOptions struct {
	// Overlays names directories below "overlays/" that replace or patch the manifests of
	// the Bundle. They are applied in this order; the overlays of a target come after those
	// of the Bundle.
	// +optional
	// +listType=atomic
	Overlays []string `json:"overlays,omitempty" schema:"nullable"`
}

// KustomizeOptions makes kustomize build the resources of a Bundle.
type KustomizeOptions struct {
	// Dir is the directory, relative to the root of the Bundle, that holds the
	// kustomization.yaml. Example: overlays/production.
	// +optional
	Dir string `json:"dir,omitempty" schema:"nullable"`
}

// DiffOptions lists what does not count as drift.
type DiffOptions struct {
	// ComparePatches are the rules, each for one object.
	// +optional
	// +listType=atomic
	ComparePatches []ComparePatch `json:"comparePatches,omitempty" schema:"nullable"`
}

// ComparePatch excludes parts of one deployed object from the comparison of its actual and
// its desired state.
type ComparePatch struct {
	// Kind of the object. Example: Deployment.
	// +optional
	Kind string `json:"kind,omitempty" schema:"nullable"`

	// APIVersion of the object. Example: apps/v1.
	// +optional
	APIVersion string `json:"apiVersion,omitempty" schema:"nullable"`

	// Namespace of the object; empty for an object without one.
	// +optional
	Namespace string `json:"namespace,omitempty" schema:"nullable"`

	// Name of the object.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	// Operations are edits that are applied to both sides before they are compared.
	// +optional
	// +listType=atomic
	Operations []Operation `json:"operations,omitempty" schema:"nullable"`

	// JsonPointers are paths that are not compared. Example: /spec/replicas.
	// +optional
	// +listType=atomic
	JsonPointers []string `json:"jsonPointers,omitempty" schema:"nullable"`
}

// Operation is one edit of a ComparePatch.
type Operation struct {
	// Op is the kind of edit: "remove" excludes the path from the comparison, "ignore" the
	// whole object.
	// +optional
	Op string `json:"op,omitempty" schema:"nullable"`

	// Path is the JSON pointer to the place of the edit. Example: /metadata/labels.
	// +optional
	Path string `json:"path,omitempty" schema:"nullable"`

	// Value is the operand of an edit that needs one, as JSON text.
	// +optional
	Value string `json:"value,omitempty" schema:"nullable"`
}

// IgnoreOptions lists conditions that do not count when an object's readiness is judged.
type IgnoreOptions struct {
	// Conditions are patterns. A condition of a deployed object is ignored if it has all
	// the members of one pattern. Example: {"type": "Active", "status": "False"}.
	// +optional
	// +listType=atomic
	Conditions []map[string]string `json:"conditions,omitempty" schema:"nullable"`
}

// CorrectDrift says whether and how changes that others make are undone.
type CorrectDrift struct {
	// Enabled undoes changes of deployed objects as soon as the agent sees them.
	// +optional
	Enabled bool `json:"enabled,omitempty"`

	// Force deletes and recreates an object if it cannot be changed back in place.
	// That may interrupt its service.
	// +optional
	Force bool `json:"force,omitempty"`

	// KeepFailHistory keeps the Helm revisions of corrections that failed, for
	// diagnosis. Default: they are removed.
	// +optional
	KeepFailHistory bool `json:"keepFailHistory,omitempty"`
}

// DownstreamResource names an object that is copied to the downstream cluster.
type DownstreamResource struct {
	// Kind is Secret or ConfigMap, in any case.
	// +optional
	Kind string `json:"kind,omitempty"`

	// Name of the object in the Bundle's namespace.
	// +optional
	Name string `json:"name,omitempty"`
}

// OverwrittenResource names an object that may be taken over from another Bundle.
type OverwrittenResource struct {
	// Name of the object.
	// +optional
	Name string `json:"name,omitempty"`

	// Namespace of the object; empty for an object without one.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// Kind of the object.
	// +optional
	Kind string `json:"kind,omitempty"`
}
