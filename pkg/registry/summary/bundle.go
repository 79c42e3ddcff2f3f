// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"fmt"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

// BundleStatus fills in summary, unavailable, display and the Ready condition (S 7.3). They
// follow from the sum over all Clusters that a Bundle targets and the first entries. The
// caller sets the numbers of the roll-out, and the Ready condition of a Bundle that fails.
func BundleStatus(status *v1alpha1.BundleStatus, sum Weight, first []v1alpha1.NonReadyResource) {
	status.Summary = Summary(sum, first)
	status.Unavailable = int(sum.Unavailable)
	status.Display = v1alpha1.BundleDisplay{ReadyClusters: readiness(&status.Summary), State: string(WorstState(status.Summary.NonReadyResources))}
	status.ResourceKey = nil
	status.Conditions = WithCondition(status.Conditions, ReadyCondition(status.Summary, OfClusters))
}

const (
	// partitionBytes is the most bytes of JSON that all partitions of a Bundle take.
	partitionBytes = 768 << 10
	// partitionSize, entrySize and objectSize are the bytes of JSON that a partition, an
	// entry and an object take without their texts.
	partitionSize, entrySize, objectSize = 400, 128, 160
	// fewPartitions is a number of partitions that always fit.
	fewPartitions = 2
)

// FitPartitions cuts the partitions of a Bundle's status until they fit, and adds a condition
// that says so. It first drops lists of entries, beginning with the first that does not fit,
// and then whole partitions from the end.
func FitPartitions(status *v1alpha1.BundleStatus) {
	if len(status.PartitionStatus) <= fewPartitions {
		return
	}
	room, listed := partitionBytes, 0
	for listed < len(status.PartitionStatus) {
		size := partitionSize + reports.TextSize(status.PartitionStatus[listed].Name)
		if size > room {
			break
		}
		room -= size
		listed++
	}
	var texts []string
	if n := len(status.PartitionStatus) - listed; n > 0 {
		texts = append(texts, fmt.Sprintf("status.partitions leaves out %d partitions", n))
		status.PartitionStatus = status.PartitionStatus[:listed:listed]
	}
	empty := 0
	for i := range status.PartitionStatus {
		entries := &status.PartitionStatus[i].Summary.NonReadyResources
		if len(*entries) == 0 {
			continue
		}
		if room -= entriesSize(*entries); room < 0 {
			room = 0
			*entries = nil
			empty++
		}
	}
	if empty > 0 {
		texts = append(texts, fmt.Sprintf("status.partitions[].summary.nonReadyResources of %d partitions is left out", empty))
	}
	if len(texts) > 0 {
		status.Conditions = WithCondition(status.Conditions, truncated(texts...))
	}
}

// entriesSize returns the most bytes of JSON that entries take.
func entriesSize(entries []v1alpha1.NonReadyResource) int {
	n := 0
	for i := range entries {
		e := &entries[i]
		n += entrySize + reports.TextSize(e.Name, string(e.State), e.Message)
		for k := range e.ModifiedStatus {
			m := &e.ModifiedStatus[k]
			n += objectSize + reports.TextSize(m.Kind, m.APIVersion, m.Namespace, m.Name, m.Patch)
		}
		for k := range e.NonReadyStatus {
			r := &e.NonReadyStatus[k]
			n += objectSize + reports.TextSize(string(r.UID), r.Kind, r.APIVersion, r.Namespace, r.Name, r.Summary.State)
			for _, text := range r.Summary.Message {
				n += reports.TextSize(text) + nameSize
			}
		}
	}
	return n
}
