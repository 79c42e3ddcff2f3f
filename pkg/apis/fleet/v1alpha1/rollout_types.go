// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "k8s.io/apimachinery/pkg/util/intstr"

// RolloutStrategy limits how fast a new version of a Bundle reaches its Clusters. The
// roll-out takes Clusters partition by partition; within a partition, a Cluster gets the
// new version while not too many others are unavailable. Without a strategy all Clusters
// get it at once.
type RolloutStrategy struct {
	// MaxUnavailable is the number or percentage of all Clusters that may be
	// unavailable during the roll-out. A Cluster is unavailable if it is not ready
	// or has not yet applied what it should. Default: 100%. Examples: 5, "10%".
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty" schema:"nullable"`

	// MaxUnavailablePartitions is the number or percentage of partitions that may
	// be over their own limit before the roll-out stops. Default: 0.
	// +optional
	MaxUnavailablePartitions *intstr.IntOrString `json:"maxUnavailablePartitions,omitempty" schema:"nullable"`

	// AutoPartitionSize is the number or percentage of Clusters in a partition if
	// partitions is empty. Default: 25%. It takes effect only from autoPartitionThreshold
	// Clusters on; with a number of 0 or less, all Clusters form one partition.
	// +optional
	AutoPartitionSize *intstr.IntOrString `json:"autoPartitionSize,omitempty" schema:"nullable"`

	// AutoPartitionThreshold is the number of Clusters from which on they are partitioned
	// automatically. Default: 200. With 0 or less they never are.
	// +optional
	AutoPartitionThreshold *int `json:"autoPartitionThreshold,omitempty" schema:"nullable"`

	// MaxNew is the number of Clusters that get the Bundle for the first time in one pass;
	// the others follow in the next passes. Default: 50. With 0 or less no Cluster ever
	// gets it.
	// +optional
	MaxNew *int `json:"maxNew,omitempty" schema:"nullable"`

	// Partitions are the stages of the roll-out, in order. A Cluster that is in
	// none of them gets nothing.
	// +optional
	// +listType=atomic
	Partitions []Partition `json:"partitions,omitempty" schema:"nullable"`
}

// Partition is one stage of a roll-out: the Clusters that meet all the criteria that are
// set. With no criterion set it is empty.
type Partition struct {
	// Name of the partition, shown in the status of the Bundle.
	// +optional
	Name string `json:"name,omitempty" schema:"nullable"`

	// MaxUnavailable is the number or percentage of the partition's Clusters that may be
	// unavailable. Default: maxUnavailable of the strategy, otherwise 100%.
	// +optional
	MaxUnavailable *intstr.IntOrString `json:"maxUnavailable,omitempty"`

	ClusterCriteria `json:",inline"`
}
