// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
)

// +genclient
// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// Schedule opens windows of time for deployments to its Clusters. Outside a window, agents
// leave everything as it is, and new versions wait for the next window.
type Schedule struct {
	metav1.TypeMeta `json:",inline"`

	// Written records how the client wrote the object, where the fields do not show it.
	Written schema.Form `json:"-"`

	// Standard object metadata: name, namespace, labels, annotations.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec says when the windows are, and for which Clusters.
	// +optional
	Spec ScheduleSpec `json:"spec"`

	// Status says whether the window is open.
	// +optional
	Status ScheduleStatus `json:"status"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// ScheduleList is a list of Schedule objects.
type ScheduleList struct {
	metav1.TypeMeta `json:",inline"`

	// Standard list metadata: the resourceVersion of the list, and where it continues.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`

	// Items are the objects of the list.
	Items []Schedule `json:"items"`
}

// ScheduleSpec says when the windows are, and for which Clusters.
type ScheduleSpec struct {
	// Schedule says when a window opens: a cron expression of six fields, seconds first.
	// Example: 0 0 22 * * SAT opens on Saturdays at ten in the evening.
	// +optional
	Schedule string `json:"schedule,omitempty"`

	// Duration is how long a window stays open. It must be shorter than the time until the
	// next window. Example: 2h30m.
	// +optional
	// +k8s:validation:minLength=1
	// +k8s:validation:maxLength=32
	Duration *Duration `json:"duration,omitempty"`

	// Location is the time zone of the schedule. Default: the controller's.
	// Example: Europe/Berlin.
	// +optional
	Location string `json:"location,omitempty"`

	// Targets says which Clusters the schedule governs.
	// +optional
	Targets ScheduleTargets `json:"targets"`
}

// ScheduleTargets says which Clusters a Schedule governs.
type ScheduleTargets struct {
	// Clusters are entries that each select Clusters of this namespace; one match is
	// enough.
	// +optional
	// +listType=atomic
	Clusters []ScheduleTarget `json:"clusters,omitempty"`
}

// ScheduleTarget selects the Clusters that meet all the criteria that are set. With no
// criterion set it selects nothing.
type ScheduleTarget struct {
	// Name of the entry. It is informational.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	ClusterCriteria `json:",inline"`
}

// ScheduleStatus says whether the window is open.
type ScheduleStatus struct {
	// Active says that the window is open.
	// +optional
	Active bool `json:"active,omitempty"`

	// NextStartTime is when the next window opens.
	// +optional
	NextStartTime metav1.Time `json:"nextStartTime,omitempty,omitzero"`

	// Conditions are statements about the schedule. Ready is False if the schedule is
	// wrong; its message says why.
	// +optional
	// +listType=atomic
	Conditions []GenericCondition `json:"conditions,omitempty"`

	// MatchingClusters names the Clusters that the schedule governs.
	// +optional
	// +listType=atomic
	MatchingClusters []string `json:"matchingClusters,omitempty"`
}
