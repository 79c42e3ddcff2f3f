// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// HelmOp deploys a chart directly from a chart repository, without git: it becomes one
// Bundle, and the agents download the chart.
type HelmOp struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says which chart is deployed, with which values, and where.
	// +optional
	Spec HelmOpSpec `json:"spec"`

	// Status says how far the chart is deployed.
	// +optional
	Status HelmOpStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// HelmOpList is a list of HelmOp objects.
type HelmOpList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []HelmOp `json:"items"`
}

// HelmOpSpec says which chart is deployed, with which values, and where: the spec
// of the Bundle that is made, and how the chart repository is reached.
type HelmOpSpec struct {
	BundleSpec `json:",inline"`

	// Labels are put on the Bundle.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// PollingInterval is the time between two checks of the chart repository for a newer
	// version that meets helm.version. If it is empty or 0, the repository is not checked
	// again. Example: 5m.
	// +optional
	// +k8s:validation:minLength=1
	// +k8s:validation:maxLength=32
	PollingInterval *Duration `json:"pollingInterval,omitempty" schema:"nullable"`

	// HelmSecretName names the Secret of this namespace with the credentials of the
	// chart repository.
	// +optional
	HelmSecretName string `json:"helmSecretName,omitempty" schema:"nullable"`

	// InsecureSkipTLSverify, written as "insecureSkipTLSVerify", accepts any
	// certificate of the chart repository. Use it for tests only.
	// +optional
	InsecureSkipTLSverify bool `json:"insecureSkipTLSVerify,omitempty"`
}

// HelmOpStatus says how far the chart is deployed.
type HelmOpStatus struct {
	StatusBase `json:",inline"`

	// LastPollingTime, written as "lastPollingTriggered", is the time of the last check of
	// the chart repository.
	// +optional
	LastPollingTime metav1.Time `json:"lastPollingTriggered,omitempty,omitzero"`

	// Version is the exact version of the deployed chart.
	// +optional
	Version string `json:"version,omitempty"`
}
