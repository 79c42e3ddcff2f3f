// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollup

import (
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
)

// Conditions that the message of a BundleDeployment is taken from.
const (
	conditionDeployed  = "Deployed"
	conditionInstalled = "Installed"
	conditionMonitored = "Monitored"
)

// Deployment is what roll-ups read of a BundleDeployment.
//
// A Bundle and its partitions judge it by the newest deployment ID, all others by
// the promoted one (S 7.1): that is the caller's choice of Want.
type Deployment struct {
	// Name that the summary calls it by: the BundleDeployment's own, or in a Bundle
	// namespace/name of the Cluster.
	Name string
	// Want is the deployment ID that it should be at.
	Want string
	// Staged and Promoted are spec.stagedDeploymentID and spec.deploymentID.
	Staged, Promoted string
	// Status is the agent's report; nil if there is none.
	Status *v1alpha1.BundleDeploymentStatus
	// Missing says that there is no BundleDeployment yet, although the Cluster is
	// targeted. Everything else but Name is then ignored.
	Missing bool
}

// unreported is the status of a BundleDeployment whose agent has not reported.
var unreported v1alpha1.BundleDeploymentStatus

func (d Deployment) status() *v1alpha1.BundleDeploymentStatus {
	if d.Status == nil || d.Missing {
		return &unreported
	}
	return d.Status
}

// State is the first line of the table in S 7.1 that is true.
func (d Deployment) State() v1alpha1.BundleState {
	if d.Missing {
		return v1alpha1.Pending
	}
	return derive.StateOf(d.Want, d.Staged, d.status())
}

// Message is what the agent says about it: of its condition Deployed, else
// Installed if that is about the wanted deployment, else Monitored.
func (d Deployment) Message() string {
	status := d.status()
	if m := message(status, conditionDeployed); m != "" || d.Missing {
		return m
	}
	if status.AppliedDeploymentID == d.Want {
		if m := message(status, conditionInstalled); m != "" {
			return m
		}
	}
	return message(status, conditionMonitored)
}

// Unavailable tells whether it is there and unavailable: S 6.3.
func (d Deployment) Unavailable() bool {
	status := d.status()
	return !d.Missing && (status.AppliedDeploymentID != d.Promoted || !status.Ready)
}

// UpToDate tells whether it is there and staged, promoted and applied are all at
// the wanted deployment ID: S 6.3.
func (d Deployment) UpToDate() bool {
	return !d.Missing && d.Staged == d.Want && d.Promoted == d.Want && d.status().AppliedDeploymentID == d.Want
}

// Weight is what it adds to a roll-up.
func (d Deployment) Weight() Weight {
	var w Weight
	state := d.State()
	*w.counter(state) = 1
	if state != v1alpha1.Ready {
		w.Listed = 1
	}
	unavailable := d.Unavailable()
	if unavailable {
		w.Unavailable = 1
	}
	if unavailable || !d.UpToDate() {
		w.Outdated = 1
	}
	w.Resources = d.status().ResourceCounts
	return w
}

// Entry is what the summary lists of it if it is not Ready.
func (d Deployment) Entry() v1alpha1.NonReadyResource {
	status := d.status()
	return v1alpha1.NonReadyResource{
		Name:           d.Name,
		State:          d.State(),
		Message:        d.Message(),
		ModifiedStatus: status.ModifiedStatus,
		NonReadyStatus: status.NonReadyStatus,
	}
}

func message(status *v1alpha1.BundleDeploymentStatus, kind string) string {
	if c := condition(status.Conditions, kind); c != nil {
		return c.Message
	}
	return ""
}

func condition(conditions []v1alpha1.GenericCondition, kind string) *v1alpha1.GenericCondition {
	i := slices.IndexFunc(conditions, func(c v1alpha1.GenericCondition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &conditions[i]
}
