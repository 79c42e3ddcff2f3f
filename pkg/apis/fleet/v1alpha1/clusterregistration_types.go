// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ClusterRegistration is the request of an agent to register its cluster. Agents
// create it; the controller makes or finds the Cluster and grants the agent its
// rights.
type ClusterRegistration struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec identifies the cluster that asks to be registered.
	// +optional
	Spec ClusterRegistrationSpec `json:"spec"`

	// Status shows the result of the request.
	// +optional
	Status ClusterRegistrationStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ClusterRegistrationList is a list of ClusterRegistration objects.
type ClusterRegistrationList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []ClusterRegistration `json:"items"`
}

// ClusterRegistrationSpec identifies the cluster that asks to be registered.
type ClusterRegistrationSpec struct {
	// ClientID identifies the downstream cluster: the configured ID, otherwise the UID of
	// its namespace kube-system.
	// +optional
	ClientID string `json:"clientID,omitempty" schema:"nullable"`

	// ClientRandom is a random text, new with every attempt, that only the requesting agent
	// knows.
	// +optional
	ClientRandom string `json:"clientRandom,omitempty" schema:"nullable"`

	// ClusterLabels are the labels that a new Cluster gets.
	// +optional
	ClusterLabels map[string]string `json:"clusterLabels,omitempty" schema:"nullable"`
}

// ClusterRegistrationStatus shows the result of a request.
type ClusterRegistrationStatus struct {
	// ClusterName is the name of the Cluster that was made or found.
	// +optional
	ClusterName string `json:"clusterName,omitempty" schema:"nullable"`

	// Granted says that the agent has its rights. The controller never looks at the request
	// again.
	// +optional
	Granted bool `json:"granted,omitempty"`
}
