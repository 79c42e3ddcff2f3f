// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ClusterRegistrationToken lets agents register clusters in its namespace. It
// yields a Secret with the values that the agent's chart is installed with.
type ClusterRegistrationToken struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says how long the token is valid.
	// +optional
	Spec ClusterRegistrationTokenSpec `json:"spec"`

	// Status names the Secret.
	// +optional
	Status ClusterRegistrationTokenStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ClusterRegistrationTokenList is a list of ClusterRegistrationToken objects.
type ClusterRegistrationTokenList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []ClusterRegistrationToken `json:"items"`
}

// ClusterRegistrationTokenSpec says how long the token is valid.
type ClusterRegistrationTokenSpec struct {
	// TTL is the lifetime of the token, after which the token is deleted. Empty or 0: it is
	// valid until it is deleted. Example: 240h.
	// +optional
	// +k8s:validation:minLength=1
	// +k8s:validation:maxLength=32
	TTL *Duration `json:"ttl,omitempty" schema:"nullable"`
}

// ClusterRegistrationTokenStatus names the Secret, and says when the token expires.
type ClusterRegistrationTokenStatus struct {
	// Expires is the time at which the token is deleted, if it has a lifetime.
	// +optional
	Expires *metav1.Time `json:"expires,omitempty"`

	// SecretName names the Secret, in the token's namespace. Its key "values" holds
	// the values for the agent's chart.
	// +optional
	SecretName string `json:"secretName,omitempty" schema:"nullable"`
}
