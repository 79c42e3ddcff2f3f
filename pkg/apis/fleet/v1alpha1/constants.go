// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Labels of S 12; some of them are also annotations.
const (
	// LabelRepoName names the GitRepo that a Bundle was made from.
	LabelRepoName = "fleet.cattle.io/repo-name"
	// LabelCommit is the git commit that a Bundle was made from.
	LabelCommit = "fleet.cattle.io/commit"
	// LabelBundleName names the Bundle of a BundleDeployment.
	LabelBundleName = "fleet.cattle.io/bundle-name"
	// LabelBundleNamespace is the namespace of the Bundle of a BundleDeployment.
	LabelBundleNamespace = "fleet.cattle.io/bundle-namespace"
	// LabelHelmOpName names the HelmOp that a Bundle was made from.
	LabelHelmOpName = "fleet.cattle.io/fleet-helm-name"
	// LabelCluster names the Cluster that an object belongs to. On a cluster
	// namespace it is an annotation.
	LabelCluster = "fleet.cattle.io/cluster"
	// LabelClusterNamespace is the namespace of the Cluster that an object belongs
	// to. On a cluster namespace it is an annotation.
	LabelClusterNamespace = "fleet.cattle.io/cluster-namespace"
	// LabelManaged marks what Fleet creates and may delete, with the value "true".
	LabelManaged = "fleet.cattle.io/managed"
	// LabelClusterManagement, if not empty, hands the naming of a Cluster's
	// namespace to another controller.
	LabelClusterManagement = "fleet.cattle.io/cluster-management"
	// LabelContentName names the Content of a BundleDeployment's newest version.
	LabelContentName = "fleet.cattle.io/content-name"
	// LabelBundleDeployment names the BundleDeployment that an object belongs to.
	LabelBundleDeployment = "fleet.cattle.io/bundledeployment"
	// LabelInternalSecret marks a Secret that was copied for a Bundle.
	LabelInternalSecret = "fleet.cattle.io/bundle-internal-secret"
	// LabelRegistrationToken names the ClusterRegistrationToken of an object.
	LabelRegistrationToken = "fleet.cattle.io/registration-token"
	// LabelClusterRegistration names the ClusterRegistration of an object. It is
	// an annotation too.
	LabelClusterRegistration = "fleet.cattle.io/cluster-registration"
	// LabelClusterRegistrationNamespace is the namespace of the ClusterRegistration of an
	// object. It is an annotation too.
	LabelClusterRegistrationNamespace = "fleet.cattle.io/cluster-registration-namespace"
	// LabelCreatedByAgentPod names the agent pod that asked for a registration.
	LabelCreatedByAgentPod = "fleet.cattle.io/created-by-agent-pod"
	// LabelClusterDisplayName is the name of a Cluster in Rancher; targets may use
	// it as a cluster name.
	LabelClusterDisplayName = "management.cattle.io/cluster-display-name"
)

// Finalizers that only fleet-controller sets and removes (S 13.5). What it does before it
// removes one follows from the deletion itself here.
const (
	// FinalizerBundle holds a Bundle until its BundleDeployments are gone.
	FinalizerBundle = "fleet.cattle.io/bundle-finalizer"
	// FinalizerCluster holds a Cluster until its agent Bundle and its namespace are deleted.
	FinalizerCluster = "fleet.cattle.io/cluster-finalizer"
	// FinalizerSchedule holds a Schedule until its Clusters are no longer scheduled.
	FinalizerSchedule = "fleet.cattle.io/schedule-finalizer"
	// FinalizerBundleDeployment holds a BundleDeployment until fleet-controller has seen its
	// deletion.
	FinalizerBundleDeployment = "fleet.cattle.io/bundle-deployment-finalizer"
)

// Types of the Secrets that belong to the group's objects.
const (
	// SecretTypeBundleValues holds the Helm values of a Bundle.
	SecretTypeBundleValues = "fleet.cattle.io/bundle-values/v1alpha1"
	// SecretTypeOCIStorage holds the credentials of an OCI registry.
	SecretTypeOCIStorage = "fleet.cattle.io/bundle-oci-storage/v1alpha1"
	// SecretTypeHelmOpAccess holds the credentials of a HelmOp's chart registry.
	SecretTypeHelmOpAccess = "fleet.cattle.io/bundle-helmops-access/v1alpha1"
	// SecretTypeAgentCredential holds the credentials of an agent.
	SecretTypeAgentCredential = "fleet.cattle.io/agent-credential"
	// SecretTypeRegistrationValues holds the values that an agent registers with.
	SecretTypeRegistrationValues = "fleet.cattle.io/cluster-registration-values"
)
