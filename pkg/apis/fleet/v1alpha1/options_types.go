// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// BundleDeploymentOptions says how the resources of a Bundle are deployed: into
// which namespace, rendered by what, as whom, and how they are looked after. A
// Bundle sets them for all Clusters; a target may override them for some.
type BundleDeploymentOptions struct {
	// The order of the fields is part of the contract: a deployment ID is the hash
	// of this struct's JSON, without diff and correctDrift (S 4.2).

	// YAML holds the options for plain manifests.
	// +optional
	YAML *YAMLOptions `json:"yaml,omitempty" schema:"nullable"`

	// Kustomize has the resources built by kustomize before they are deployed.
	// +optional
	Kustomize *KustomizeOptions `json:"kustomize,omitempty" schema:"nullable"`

	// DefaultNamespace is the namespace for objects that name none. Objects that
	// name one, and objects that belong to no namespace, are left as they are.
	// Without it such objects go to the namespace "default".
	// +optional
	DefaultNamespace string `json:"defaultNamespace,omitempty" schema:"nullable"`

	// TargetNamespace, written as "namespace", forces every object into this
	// namespace, whatever it says itself. A Bundle that contains an object without
	// a namespace of its own kind, such as a ClusterRole, then fails to deploy.
	// +optional
	TargetNamespace string `json:"namespace,omitempty" schema:"nullable"`

	// Helm holds the chart to deploy and its values. Resources without a chart are
	// deployed as a chart too, so that releaseName, atomic and the like work for
	// them as well.
	// +optional
	Helm *HelmOptions `json:"helm,omitempty"`

	// ServiceAccount is the account in the downstream cluster that the agent
	// impersonates when it deploys. Without it the agent uses its own rights.
	// +optional
	ServiceAccount string `json:"serviceAccount,omitempty" schema:"nullable"`

	// CreateNamespace says whether a missing namespace is created. Not set means
	// that it is; with false the deployment fails if the namespace is missing.
	// +optional
	CreateNamespace *bool `json:"createNamespace,omitempty" schema:"nullable"`

	// ForceSyncGeneration redeploys everything, though nothing else has changed,
	// whenever it is given a higher number.
	// +optional
	ForceSyncGeneration int64 `json:"forceSyncGeneration,omitempty"`

	// Diff lists differences between what is deployed and what the Bundle says
	// that do not count as drift, such as a field that a controller fills in.
	// +optional
	Diff *DiffOptions `json:"diff,omitempty" schema:"nullable"`

	// KeepResources leaves the deployed objects in the downstream cluster when
	// the Bundle no longer targets it or is deleted. Default: they are removed.
	// +optional
	KeepResources bool `json:"keepResources,omitempty"`

	// DeleteNamespace deletes the namespace that was deployed to, with all that is
	// in it, when the GitRepo or HelmOp is removed. Default: the namespace stays.
	// +optional
	DeleteNamespace bool `json:"deleteNamespace,omitempty"`

	// IgnoreOptions, written as "ignore", lists conditions of deployed objects
	// that do not make the deployment not ready.
	// +optional
	IgnoreOptions *IgnoreOptions `json:"ignore,omitempty" schema:"nullable"`

	// CorrectDrift has the agent undo changes that others make to the deployed
	// objects. Default: such changes are reported and left alone.
	// +optional
	CorrectDrift *CorrectDrift `json:"correctDrift,omitempty"`

	// NamespaceLabels are put on the namespace that is deployed to. Other labels of
	// the namespace are removed, except those that Kubernetes sets itself.
	// +optional
	NamespaceLabels map[string]string `json:"namespaceLabels,omitempty" schema:"nullable"`

	// NamespaceAnnotations are put on the namespace that is deployed to. Other
	// annotations of the namespace are removed.
	// +optional
	NamespaceAnnotations map[string]string `json:"namespaceAnnotations,omitempty" schema:"nullable"`

	// DeleteCRDResources removes the CustomResourceDefinitions of the Bundle too
	// when it is uninstalled, and with them all objects of these kinds. Default:
	// definitions stay.
	// +optional
	DeleteCRDResources bool `json:"deleteCRDResources,omitempty"`

	// DownstreamResources names Secrets and ConfigMaps of the Bundle's namespace
	// that are copied to the downstream cluster before the Bundle is deployed.
	// +optional
	// +listType=atomic
	DownstreamResources []DownstreamResource `json:"downstreamResources,omitempty"`

	// Overwrites names objects that belong to another Bundle, which is about to
	// lose them, and that this Bundle may take over. Written by "fleet apply".
	// +optional
	// +listType=atomic
	Overwrites []OverwrittenResource `json:"overwrites,omitempty"`

	// AllowedTargetNamespaceSelector restricts the namespaces of the downstream
	// cluster that may be deployed to, by their labels. It comes from the
	// GitRepoRestrictions of the Bundle's namespace, which win over what is set here.
	// +optional
	AllowedTargetNamespaceSelector *metav1.LabelSelector `json:"allowedTargetNamespaceSelector,omitempty" schema:"nullable"`
}

// YAMLOptions holds the options for plain manifests.
type YAMLOptions struct {
	// Overlays names directories below "overlays/", which replace or patch the
	// manifests of the Bundle. They are applied in this order; those of a target
	// come after those of the Bundle.
	// +optional
	// +listType=atomic
	Overlays []string `json:"overlays,omitempty" schema:"nullable"`
}

// KustomizeOptions has the resources of a Bundle built by kustomize.
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

// ComparePatch takes parts of one deployed object out of the comparison between
// what is and what should be.
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

	// Operations are edits that are made on both sides before they are compared.
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
	// Op is what is done: "remove" takes the path out of the comparison, "ignore"
	// the whole object.
	// +optional
	Op string `json:"op,omitempty" schema:"nullable"`

	// Path is the JSON pointer that the edit is made at. Example: /metadata/labels.
	// +optional
	Path string `json:"path,omitempty" schema:"nullable"`

	// Value is the operand of an edit that takes one, as JSON text.
	// +optional
	Value string `json:"value,omitempty" schema:"nullable"`
}

// IgnoreOptions takes conditions out of the judgement whether an object is ready.
type IgnoreOptions struct {
	// Conditions are patterns. A condition of a deployed object that has all the
	// members of one pattern is not looked at.
	// Example: {"type": "Active", "status": "False"}.
	// +optional
	// +listType=atomic
	Conditions []map[string]string `json:"conditions,omitempty" schema:"nullable"`
}

// CorrectDrift says whether and how changes that others make are undone.
type CorrectDrift struct {
	// Enabled undoes changes of deployed objects as soon as they are seen.
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
