// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"slices"
	"time"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Conditions that an agent writes (S 9.7).
const (
	Deployed  = "Deployed"
	Installed = "Installed"
	Monitored = "Monitored"
	Ready     = "Ready"
)

// SetCondition sets a condition from an error: True without a message if it is nil,
// otherwise False with the error's text and the reason "Error". The time changes only if
// the status or the message changes. SetCondition does not write into the existing list.
func SetCondition(status *v1alpha1.BundleDeploymentStatus, kind string, err error, now time.Time) {
	value, reason, message := "True", "", ""
	if err != nil {
		value, reason, message = "False", "Error", err.Error()
	}
	conditions := slices.Clone(status.Conditions)
	at := slices.IndexFunc(conditions, func(c v1alpha1.GenericCondition) bool { return c.Type == kind })
	if at < 0 {
		at = len(conditions)
		conditions = append(conditions, v1alpha1.GenericCondition{Type: kind})
	}
	c := &conditions[at]
	if c.Status != value || c.Message != message {
		c.LastUpdateTime = now.UTC().Format(time.RFC3339)
	}
	c.Status, c.Reason, c.Message = value, reason, message
	status.Conditions = conditions
}

// Condition returns the status of a condition, or "" if the condition is missing.
func Condition(status *v1alpha1.BundleDeploymentStatus, kind string) string {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return status.Conditions[i].Status
		}
	}
	return ""
}
