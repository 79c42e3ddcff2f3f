// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// The conditions of a BundleDeployment that its display and its messages are made of,
// and the one that sums an object up.
const (
	conditionDeployed  = "Deployed"
	conditionInstalled = "Installed"
	conditionMonitored = "Monitored"
	conditionReady     = "Ready"
)

// reasonError is the reason of a condition whose message is an error.
const reasonError = "Error"

// Display returns what tables show of a BundleDeployment (S 7.1).
func Display(spec *v1alpha1.BundleDeploymentSpec, status *v1alpha1.BundleDeploymentStatus) v1alpha1.BundleDeploymentDisplay {
	return v1alpha1.BundleDeploymentDisplay{
		Deployed:  displayed(status.Conditions, conditionDeployed),
		Monitored: displayed(status.Conditions, conditionMonitored),
		State:     string(State(spec, status)),
	}
}

// State returns the state of a BundleDeployment: the first line of the table in
// S 7.1 that is true.
func State(spec *v1alpha1.BundleDeploymentSpec, status *v1alpha1.BundleDeploymentStatus) v1alpha1.BundleState {
	return StateOf(spec.DeploymentID, spec.StagedDeploymentID, status)
}

// StateOf is State for the deployment IDs that are wanted and staged. A Bundle
// wants the newest, whatever is promoted.
func StateOf(want, staged string, status *v1alpha1.BundleDeploymentStatus) v1alpha1.BundleState {
	g := stateGist(status)
	return g.State(want, staged)
}

func displayed(conditions []v1alpha1.GenericCondition, kind string) string {
	c := find(conditions, kind)
	switch {
	case c == nil:
		return ""
	case c.Reason == reasonError:
		return "Error: " + c.Message
	}
	return c.Status
}

func find(conditions []v1alpha1.GenericCondition, kind string) *v1alpha1.GenericCondition {
	i := slices.IndexFunc(conditions, func(c v1alpha1.GenericCondition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &conditions[i]
}

// WithError returns conditions whose Ready condition is False with a message
// (S 7.2). The times of the condition are left: they are when a stored condition
// changed, and this one is not stored.
func WithError(conditions []v1alpha1.GenericCondition, message string) []v1alpha1.GenericCondition {
	out := slices.Clone(conditions)
	c := find(out, conditionReady)
	if c == nil {
		out = append(out, v1alpha1.GenericCondition{Type: conditionReady})
		c = &out[len(out)-1]
	}
	c.Status, c.Reason, c.Message = "False", reasonError, message
	return out
}
