// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
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
	// Status is the agent's report; nil if there is none, or Report has it.
	Status *v1alpha1.BundleDeploymentStatus
	// Report is the agent's report where that is not decoded; nil if there is none.
	Report Report
	// Explanation is what the report says that explains the state; nil if that is to be
	// read from it.
	Explanation *derive.Explanation
	// Missing says that there is no BundleDeployment yet, although the Cluster is
	// targeted. Everything else but Name is then ignored.
	Missing bool
}

// Report is an agent's report. Its gist is at hand. What roll-ups read beside that is
// decoded anew for each caller.
type Report interface {
	Gist() derive.Gist
	// Brief has what roll-ups read (derive.Brief), and may have more.
	Brief() *v1alpha1.BundleDeploymentStatus
}

// gist is that of the report; that of an empty one if there is none.
func (d *Deployment) gist() derive.Gist {
	switch {
	case d.Missing:
		return derive.Gist{}
	case d.Report != nil:
		return d.Report.Gist()
	case d.Status != nil:
		return derive.GistOf(d.Status)
	}
	return derive.Gist{}
}

// nothing explains a BundleDeployment whose agent has said nothing about it.
var nothing derive.Explanation

func (d *Deployment) explanation(gist *derive.Gist) *derive.Explanation {
	switch {
	case !gist.Explains:
		return &nothing
	case d.Explanation != nil:
		return d.Explanation
	case d.Report != nil:
		return derive.Explain(d.Report.Brief())
	}
	return derive.Explain(d.Status)
}

// State is the first line of the table in S 7.1 that is true.
func (d Deployment) State() v1alpha1.BundleState {
	gist := d.gist()
	return d.state(&gist)
}

func (d *Deployment) state(gist *derive.Gist) v1alpha1.BundleState {
	if d.Missing {
		return v1alpha1.Pending
	}
	return gist.State(d.Want, d.Staged)
}

// Message is what the agent says about it: of its condition Deployed, else
// Installed if that is about the wanted deployment, else Monitored.
func (d Deployment) Message() string {
	gist := d.gist()
	return d.message(&gist, d.explanation(&gist))
}

func (d *Deployment) message(gist *derive.Gist, said *derive.Explanation) string {
	if said.Deployed == "" && gist.Applied == d.Want {
		return cmp.Or(said.Installed, said.Monitored)
	}
	return cmp.Or(said.Deployed, said.Monitored)
}

// Unavailable reports whether it is there and unavailable: S 6.3.
func (d Deployment) Unavailable() bool {
	gist := d.gist()
	return d.unavailable(&gist)
}

func (d *Deployment) unavailable(gist *derive.Gist) bool {
	return !d.Missing && (gist.Applied != d.Promoted || !gist.Ready)
}

// UpToDate reports whether it is there and staged, promoted and applied are all at
// the wanted deployment ID: S 6.3.
func (d Deployment) UpToDate() bool {
	gist := d.gist()
	return d.upToDate(&gist)
}

func (d *Deployment) upToDate(gist *derive.Gist) bool {
	return !d.Missing && d.Staged == d.Want && d.Promoted == d.Want && gist.Applied == d.Want
}

// Weight is what it adds to a roll-up.
func (d Deployment) Weight() Weight {
	var w Weight
	gist := d.gist()
	state := d.state(&gist)
	*w.counter(state) = 1
	if state != v1alpha1.Ready {
		w.Listed = 1
	}
	unavailable := d.unavailable(&gist)
	if unavailable {
		w.Unavailable = 1
	}
	if unavailable || !d.upToDate(&gist) {
		w.Outdated = 1
	}
	w.Resources = gist.Counts
	return w
}

// Entry is what the summary lists of it if it is not Ready. Its message says how many
// objects the report names beyond those that are listed.
func (d Deployment) Entry() v1alpha1.NonReadyResource {
	gist := d.gist()
	said := d.explanation(&gist)
	text := d.message(&gist, said)
	if gist.Unnamed > 0 {
		text = strings.TrimSpace(fmt.Sprintf("%s (%d more objects are not listed here)", text, gist.Unnamed))
	}
	return v1alpha1.NonReadyResource{
		Name:           d.Name,
		State:          d.state(&gist),
		Message:        text,
		ModifiedStatus: said.ModifiedStatus,
		NonReadyStatus: said.NonReadyStatus,
	}
}

func condition(conditions []v1alpha1.GenericCondition, kind string) *v1alpha1.GenericCondition {
	i := slices.IndexFunc(conditions, func(c v1alpha1.GenericCondition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &conditions[i]
}
