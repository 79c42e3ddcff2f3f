// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// The conditions that the display and the messages of a BundleDeployment come from, and
// the one that summarizes an object.
const (
	conditionDeployed  = "Deployed"
	conditionInstalled = "Installed"
	conditionMonitored = "Monitored"
	conditionReady     = "Ready"
)

// reasonError is the reason of a condition whose message is an error.
const reasonError = "Error"

// Display returns the columns that tables show of a BundleDeployment (S 7.1).
func Display(spec *v1alpha1.BundleDeploymentSpec, status *v1alpha1.BundleDeploymentStatus) v1alpha1.BundleDeploymentDisplay {
	return v1alpha1.BundleDeploymentDisplay{
		Deployed:  displayed(status.Conditions, conditionDeployed),
		Monitored: displayed(status.Conditions, conditionMonitored),
		State:     string(State(spec, status)),
	}
}

// State returns the state of a BundleDeployment: the first one of the table in S 7.1 that
// holds.
func State(spec *v1alpha1.BundleDeploymentSpec, status *v1alpha1.BundleDeploymentStatus) v1alpha1.BundleState {
	return StateOf(spec.DeploymentID, spec.StagedDeploymentID, status)
}

// StateOf returns the state for the deployment IDs that are wanted and staged. A Bundle
// wants the newest, whatever is promoted.
func StateOf(want, staged string, status *v1alpha1.BundleDeploymentStatus) v1alpha1.BundleState {
	d := stateDigest(status)
	return d.State(want, staged)
}

func displayed(conditions []v1alpha1.GenericCondition, kind string) string {
	c := Condition(conditions, kind)
	switch {
	case c == nil:
		return ""
	case c.Reason == reasonError:
		return "Error: " + c.Message
	}
	return c.Status
}

// Condition returns the condition of a type, nil if there is none.
func Condition(conditions []v1alpha1.GenericCondition, kind string) *v1alpha1.GenericCondition {
	i := slices.IndexFunc(conditions, func(c v1alpha1.GenericCondition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &conditions[i]
}

// WithError returns the conditions with a Ready condition that is False and has the
// message (S 7.2). It leaves the times of the condition alone: they say when a stored
// condition changed, and this one is not stored.
func WithError(conditions []v1alpha1.GenericCondition, message string) []v1alpha1.GenericCondition {
	out := slices.Clone(conditions)
	c := Condition(out, conditionReady)
	if c == nil {
		out = append(out, v1alpha1.GenericCondition{Type: conditionReady})
		c = &out[len(out)-1]
	}
	c.Status, c.Reason, c.Message = "False", reasonError, message
	return out
}
