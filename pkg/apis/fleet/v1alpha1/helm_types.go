// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// HelmOptions says which chart is deployed, with which values, and how Helm behaves. The
// agent deploys everything with Helm, so most fields also apply to plain manifests.
type HelmOptions struct {
	// The order of the fields is part of the contract: S 4.2.

	// ValuesFiles are files of the repository that "fleet apply" merges into values when it
	// makes the Bundle. Later files take precedence.
	// +optional
	// +listType=atomic
	ValuesFiles []string `json:"valuesFiles,omitempty" schema:"nullable"`

	// Chart is the name of a chart in repo, a directory of the Bundle that holds a
	// chart, or the URL of a packaged chart.
	// +optional
	Chart string `json:"chart,omitempty" schema:"nullable"`

	// Repo is the chart repository, as https:// or oci:// URL. If it is empty, the chart is
	// part of the Bundle.
	// +optional
	Repo string `json:"repo,omitempty" schema:"nullable"`

	// ReleaseName is the name of the Helm release, at most 53 characters. Default:
	// a name made from the Bundle's.
	// +optional
	// +k8s:validation:maxLength=53
	ReleaseName string `json:"releaseName,omitempty" schema:"nullable,nonempty"`

	// Version of the chart, exact or as a constraint. Examples: 1.2.3, ~1.2.
	// +optional
	Version string `json:"version,omitempty" schema:"nullable"`

	// TimeoutSeconds makes Helm wait up to so many seconds until the objects are ready. 0
	// does not wait. In a target, a negative number resets it to 0.
	// +optional
	TimeoutSeconds int `json:"timeoutSeconds,omitempty"`

	// Values are the values of the chart. Strings may hold templates between ${ and },
	// which can use the Cluster's data: ClusterName, ClusterNamespace, ClusterLabels,
	// ClusterAnnotations and ClusterValues. Example: {"region": "${ .ClusterLabels.region
	// }"}.
	// +optional
	Values *GenericMap `json:"values,omitempty" schema:"nullable"`

	// TemplateValues are templates, one per top-level key of the values. The
	// result of each is read as YAML and replaces the key, so a template can yield
	// a list, a number or a map.
	// +optional
	TemplateValues map[string]string `json:"templateValues,omitempty" schema:"nullable"`

	// ValuesFrom reads further values from Secrets and ConfigMaps of the downstream cluster
	// when the chart is installed. Later entries take precedence.
	// +optional
	// +listType=atomic
	ValuesFrom []ValuesFrom `json:"valuesFrom,omitempty" schema:"nullable"`

	// Force replaces objects that Helm cannot update, such as one with a change of an
	// immutable field. That may interrupt their service.
	// +optional
	Force bool `json:"force,omitempty"`

	// TakeOwnership takes over objects that already exist and that Helm does not manage or
	// another release owns. Default: the deployment fails.
	// +optional
	TakeOwnership bool `json:"takeOwnership,omitempty"`

	// MaxHistory is the number of revisions of the release that are kept. 0 keeps 2.
	// +optional
	MaxHistory int `json:"maxHistory,omitempty"`

	// WaitForJobs also waits until Jobs have completed, if timeoutSeconds is set.
	// +optional
	WaitForJobs bool `json:"waitForJobs,omitempty"`

	// Atomic rolls back an upgrade that fails.
	// +optional
	Atomic bool `json:"atomic,omitempty"`

	// DisablePreProcess leaves values as they are: text between ${ and } is kept, and
	// templateValues are not used.
	// +optional
	DisablePreProcess bool `json:"disablePreProcess,omitempty"`

	// DisableDNS makes the template function getHostByName return nothing.
	// +optional
	DisableDNS bool `json:"disableDNS,omitempty"`

	// SkipSchemaValidation accepts values that the chart's schema refuses.
	// +optional
	SkipSchemaValidation bool `json:"skipSchemaValidation,omitempty"`

	// DisableDependencyUpdate keeps "fleet apply" from downloading the charts that
	// this one depends on.
	// +optional
	DisableDependencyUpdate bool `json:"disableDependencyUpdate,omitempty"`
}

// ValuesFrom names a place in the downstream cluster that holds Helm values. Set one of the
// two fields.
type ValuesFrom struct {
	// ConfigMapKeyRef names a key of a ConfigMap.
	// +optional
	ConfigMapKeyRef *ConfigMapKeySelector `json:"configMapKeyRef,omitempty" schema:"nullable"`

	// SecretKeyRef names a key of a Secret.
	// +optional
	SecretKeyRef *SecretKeySelector `json:"secretKeyRef,omitempty" schema:"nullable"`
}

// ConfigMapKeySelector names a key of a ConfigMap in the downstream cluster.
type ConfigMapKeySelector struct {
	LocalObjectReference `json:",inline"`

	// Namespace of the ConfigMap. Default: the namespace that the Bundle is deployed to.
	// +optional
	Namespace string `json:"namespace,omitempty" schema:"nullable"`

	// Key whose value is YAML text with Helm values. Default: values.yaml.
	// +optional
	Key string `json:"key,omitempty" schema:"nullable"`
}

// SecretKeySelector names a key of a Secret in the downstream cluster.
type SecretKeySelector struct {
	LocalObjectReference `json:",inline"`

	// Namespace of the Secret. Default: the namespace that the Bundle is deployed to.
	// +optional
	Namespace string `json:"namespace,omitempty" schema:"nullable"`

	// Key whose value is YAML text with Helm values. Default: values.yaml.
	// +optional
	Key string `json:"key,omitempty" schema:"nullable"`
}

// LocalObjectReference names an object whose kind is known from the context.
type LocalObjectReference struct {
	// Name of the object.
	// +optional
	Name string `json:"name" schema:"nullable"`
}

// BundleHelmOptions says how the agent downloads the chart of a Bundle that comes from a
// HelmOp and does not contain the chart.
type BundleHelmOptions struct {
	// SecretName, written as "helmOpSecretName", names a Secret of the Bundle's
	// namespace with the credentials of the chart repository.
	// +optional
	SecretName string `json:"helmOpSecretName,omitempty"`

	// InsecureSkipTLSverify, written as "helmOpInsecureSkipTLSVerify", accepts any
	// certificate of the chart repository. Use it for tests only.
	// +optional
	InsecureSkipTLSverify bool `json:"helmOpInsecureSkipTLSVerify,omitempty"`

	// CABundle, written as "helmOpCABundle", holds the certificate authorities, as PEM,
	// that verify the chart repository's certificate. The controller fills it in from
	// Rancher's settings.
	// +optional
	CABundle []byte `json:"helmOpCABundle,omitempty" schema:"nullable,nonempty"`
}
