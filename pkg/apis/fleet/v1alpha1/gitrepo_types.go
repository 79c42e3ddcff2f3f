// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// GitRepo is a git repository whose directories become Bundles. The repository is read
// again whenever it changes.
type GitRepo struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says which repository, which part of it, and where it goes.
	// +optional
	Spec GitRepoSpec `json:"spec"`

	// Status says how far it is deployed.
	// +optional
	Status GitRepoStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// GitRepoList is a list of GitRepo objects.
type GitRepoList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []GitRepo `json:"items"`
}

// GitRepoSpec says which repository is deployed, which part of it, and where.
type GitRepoSpec struct {
	// Repo is the URL of the repository. Example: https://git.example.com/apps.
	// +required
	// +k8s:validation:minLength=1
	Repo string `json:"repo" schema:"required"`

	// Branch to follow. Default: master.
	// +optional
	Branch string `json:"branch,omitempty" schema:"nullable"`

	// Revision is the tag or commit to deploy, in place of a branch. It is used if branch
	// is empty.
	// +optional
	Revision string `json:"revision,omitempty" schema:"nullable"`

	// TargetNamespace forces every object of every Bundle into this namespace.
	// Objects that belong to no namespace then make the deployment fail.
	// +optional
	TargetNamespace string `json:"targetNamespace,omitempty" schema:"nullable"`

	// ClientSecretName names the Secret of this namespace with the credentials of the
	// repository: username and password, or an SSH key. Default: the Secret gitcredential,
	// if it exists.
	// +optional
	ClientSecretName string `json:"clientSecretName,omitempty" schema:"nullable"`

	// HelmSecretName names the Secret of this namespace with the credentials of
	// Helm repositories that the Bundles use.
	// +optional
	HelmSecretName string `json:"helmSecretName,omitempty" schema:"nullable"`

	// HelmSecretNameForPaths names a Secret that holds such credentials per directory. It
	// takes precedence over helmSecretName.
	// +optional
	HelmSecretNameForPaths string `json:"helmSecretNameForPaths,omitempty" schema:"nullable"`

	// HelmRepoURLRegex is a regular expression. Credentials are sent only to Helm
	// repositories whose URL matches it. If it is empty, they are sent to none.
	// +optional
	HelmRepoURLRegex string `json:"helmRepoURLRegex,omitempty" schema:"nullable"`

	// CABundle holds the certificate authorities, as PEM, that verify the repository's
	// certificate.
	// +optional
	CABundle []byte `json:"caBundle,omitempty" schema:"nullable,nonempty"`

	// InsecureSkipTLSverify, written as "insecureSkipTLSVerify", accepts any
	// certificate of the repository. Use it for tests only.
	// +optional
	InsecureSkipTLSverify bool `json:"insecureSkipTLSVerify,omitempty"`

	// Paths are the directories that become Bundles. Patterns are allowed. Default: the
	// root of the repository. Example: ["apps/*", "monitoring"].
	// +optional
	// +listType=atomic
	Paths []string `json:"paths,omitempty" schema:"nullable"`

	// Paused stops the roll-out of new versions of all Bundles of the repository.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// ServiceAccount is the account in the downstream clusters that the agent
	// impersonates when it deploys.
	// +optional
	ServiceAccount string `json:"serviceAccount,omitempty" schema:"nullable"`

	// Targets select the Clusters that the Bundles go to. Default: the ClusterGroup
	// "default".
	// +optional
	// +listType=atomic
	Targets []GitTarget `json:"targets,omitempty"`

	// PollingInterval is the time between two checks of the repository. Default: 15s.
	// Example: 5m.
	// +optional
	// +k8s:validation:minLength=1
	// +k8s:validation:maxLength=32
	PollingInterval *Duration `json:"pollingInterval,omitempty" schema:"nullable"`

	// ForceSyncGeneration redeploys everything whenever its value grows.
	// +optional
	ForceSyncGeneration int64 `json:"forceSyncGeneration,omitempty"`

	// ImageSyncInterval, written as "imageScanInterval", is the time between two commits of
	// new image tags that ImageScans have found. Example: 5m.
	// +optional
	// +k8s:validation:minLength=1
	// +k8s:validation:maxLength=32
	ImageSyncInterval *Duration `json:"imageScanInterval,omitempty"`

	// ImageScanCommit describes such commits.
	// +optional
	ImageScanCommit *CommitSpec `json:"imageScanCommit,omitempty"`

	// KeepResources leaves the deployed objects in the downstream clusters when the
	// GitRepo is deleted.
	// +optional
	KeepResources bool `json:"keepResources,omitempty"`

	// DeleteNamespace deletes the namespaces that were deployed to, and everything in them,
	// when the GitRepo is deleted.
	// +optional
	DeleteNamespace bool `json:"deleteNamespace,omitempty"`

	// CorrectDrift makes the agents undo changes that others make to deployed objects.
	// +optional
	CorrectDrift *CorrectDrift `json:"correctDrift,omitempty"`

	// DisablePolling checks the repository only when a webhook reports a change.
	// +optional
	DisablePolling bool `json:"disablePolling,omitempty"`

	// OCIRegistrySecret names the Secret of this namespace with the OCI registry that holds
	// the Bundles' resources. Default: the Secret ocistorage, if it exists; otherwise the
	// resources are kept in the cluster.
	// +optional
	OCIRegistrySecret string `json:"ociRegistrySecret,omitempty"`

	// WebhookSecret names the Secret of this namespace that verifies webhooks of this
	// repository.
	// +optional
	WebhookSecret string `json:"webhookSecret,omitempty"`

	// Bundles lists the directories that become Bundles one by one, each with its file of
	// options; paths is then not used.
	// +optional
	// +listType=atomic
	Bundles []BundlePath `json:"bundles,omitempty"`
}

// GitTarget selects the Clusters that meet all the criteria that are set. With no criterion
// set it selects nothing.
type GitTarget struct {
	// Name of the target. It is informational.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	ClusterCriteria `json:",inline"`
}

// BundlePath is one directory of a repository that becomes a Bundle.
type BundlePath struct {
	// Base is the directory, relative to the root of the repository.
	// +optional
	Base string `json:"base,omitempty"`

	// Options is the file with the options of the Bundle, relative to base. Default:
	// fleet.yaml.
	// +optional
	Options string `json:"options,omitempty" schema:"nullable"`
}

// CommitSpec describes a commit of new image tags.
type CommitSpec struct {
	// AuthorName is the name of the author.
	// +optional
	AuthorName string `json:"authorName,omitempty"`

	// AuthorEmail is the e-mail address of the author.
	// +optional
	AuthorEmail string `json:"authorEmail,omitempty"`

	// MessageTemplate is the template of the commit message.
	// +optional
	MessageTemplate string `json:"messageTemplate,omitempty"`
}

// GitRepoStatus says how far the repository is deployed.
type GitRepoStatus struct {
	StatusBase `json:",inline"`

	// ObservedGeneration is the metadata.generation that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration"`

	// UpdateGeneration is the forceSyncGeneration that was last carried out.
	// +optional
	UpdateGeneration int64 `json:"updateGeneration,omitempty"`

	// Commit that is deployed or being deployed.
	// +optional
	Commit string `json:"commit,omitempty"`

	// WebhookCommit is the commit that a webhook has announced.
	// +optional
	WebhookCommit string `json:"webhookCommit,omitempty"`

	// LastWebhookTime is the time of the last webhook.
	// +optional
	LastWebhookTime metav1.Time `json:"lastWebhookTime,omitempty,omitzero"`

	// PollingCommit is the newest commit at the last check of the repository.
	// +optional
	PollingCommit string `json:"pollingCommit,omitempty"`

	// GitJobStatus is the state of the Job that makes the Bundles: Current if it is
	// done, InProgress, Failed or Terminating.
	// +optional
	GitJobStatus string `json:"gitJobStatus,omitempty"`

	// LastSyncedImageScanTime is the time of the last commit of new image tags.
	// +optional
	LastSyncedImageScanTime metav1.Time `json:"lastSyncedImageScanTime,omitempty,omitzero"`

	// LastPollingTime, written as "lastPollingTriggered", is the time of the last check of
	// the repository.
	// +optional
	LastPollingTime metav1.Time `json:"lastPollingTriggered,omitempty,omitzero"`
}
