// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Conditions that Fleet's programs write.
const (
	accepted    = "Accepted"
	gitPolling  = "GitPolling"
	reconciling = "Reconciling"
	stalled     = "Stalled"
	ready       = "Ready"
	processed   = "Processed"
	reconciled  = "Reconciled"
	imported    = "Imported"
)

// set changes a condition, or appends it. Its time changes only with the rest of it.
func set(conditions *[]v1alpha1.GenericCondition, kind string, status corev1.ConditionStatus, reason, message string) {
	next := v1alpha1.GenericCondition{Type: kind, Status: string(status), Reason: reason, Message: message, LastUpdateTime: time.Now().UTC().Format(time.RFC3339)}
	for i, c := range *conditions {
		if c.Type == kind {
			if c.Status != next.Status || c.Message != message || c.Reason != reason {
				(*conditions)[i] = next
			}
			return
		}
	}
	*conditions = append(*conditions, next)
}

// setError sets a condition as Fleet does: true without an error.
func setError(conditions *[]v1alpha1.GenericCondition, kind string, err error) {
	if err != nil {
		set(conditions, kind, corev1.ConditionFalse, "Error", err.Error())
		return
	}
	set(conditions, kind, corev1.ConditionTrue, "", "")
}

// ofOthers returns the conditions of next except Ready, which comes from the live object.
func ofOthers(live, next []v1alpha1.GenericCondition) []v1alpha1.GenericCondition {
	merged := []v1alpha1.GenericCondition{}
	for _, c := range live {
		if c.Type == ready {
			merged = append(merged, c)
			break
		}
	}
	for _, c := range next {
		if c.Type != ready {
			merged = append(merged, c)
		}
	}
	return merged
}

// Results of a Job, in the words of kstatus.
const (
	current     = "Current"
	inProgress  = "InProgress"
	failed      = "Failed"
	terminating = "Terminating"
)

// result returns the result of a Job; a Job that does not exist is Current, and so is one
// that runs. Only complete reports that it has succeeded.
func result(job *batchv1.Job) (status string, complete bool) {
	switch {
	case job.UID == "":
		return current, false
	case job.DeletionTimestamp != nil:
		return terminating, false
	}
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			return current, true
		case batchv1.JobFailed:
			return failed, false
		}
	}
	if job.Status.StartTime == nil {
		return inProgress, false
	}
	return current, false
}
