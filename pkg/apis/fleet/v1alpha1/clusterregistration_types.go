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

	// Written is how the object was written, where its JSON does not say it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says who asks.
	// +optional
	Spec ClusterRegistrationSpec `json:"spec"`

	// Status says what came of it.
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

// ClusterRegistrationSpec says who asks to be registered.
type ClusterRegistrationSpec struct {
	// ClientID identifies the downstream cluster: as configured, else the UID of its
	// namespace kube-system.
	// +optional
	ClientID string `json:"clientID,omitempty" schema:"nullable"`

	// ClientRandom is a random text, new with every attempt, that only the agent
	// that asks knows.
	// +optional
	ClientRandom string `json:"clientRandom,omitempty" schema:"nullable"`

	// ClusterLabels are the labels that a new Cluster gets.
	// +optional
	ClusterLabels map[string]string `json:"clusterLabels,omitempty" schema:"nullable"`
}

// ClusterRegistrationStatus says what came of a request.
type ClusterRegistrationStatus struct {
	// ClusterName is the name of the Cluster that was made or found.
	// +optional
	ClusterName string `json:"clusterName,omitempty" schema:"nullable"`

	// Granted says that the agent has its rights. The request is then never looked
	// at again.
	// +optional
	Granted bool `json:"granted,omitempty"`
}
