// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
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
	Explanation *reports.Explanation
	// Missing says that there is no BundleDeployment yet, although the Cluster is
	// targeted. Everything else but Name is then ignored.
	Missing bool
}

// Report is an agent's report. Its digest is at hand. What roll-ups read beside that is
// decoded anew for each caller.
type Report interface {
	Digest() reports.Digest
	// Brief has what roll-ups read (reports.Brief), and may have more.
	Brief() *v1alpha1.BundleDeploymentStatus
}

// digest is that of the report; that of an empty one if there is none.
func (d *Deployment) digest() reports.Digest {
	switch {
	case d.Missing:
		return reports.Digest{}
	case d.Report != nil:
		return d.Report.Digest()
	case d.Status != nil:
		return reports.DigestOf(d.Status)
	}
	return reports.Digest{}
}

// nothing explains a BundleDeployment whose agent has said nothing about it.
var nothing reports.Explanation

func (d *Deployment) explanation(digest *reports.Digest) *reports.Explanation {
	switch {
	case !digest.Explains:
		return &nothing
	case d.Explanation != nil:
		return d.Explanation
	case d.Report != nil:
		return reports.Explain(d.Report.Brief())
	}
	return reports.Explain(d.Status)
}

// State is the first line of the table in S 7.1 that is true.
func (d Deployment) State() v1alpha1.BundleState {
	digest := d.digest()
	return d.state(&digest)
}

func (d *Deployment) state(digest *reports.Digest) v1alpha1.BundleState {
	if d.Missing {
		return v1alpha1.Pending
	}
	return digest.State(d.Want, d.Staged)
}

// Message is what the agent says about it: of its condition Deployed, else
// Installed if that is about the wanted deployment, else Monitored.
func (d Deployment) Message() string {
	digest := d.digest()
	return d.message(&digest, d.explanation(&digest))
}

func (d *Deployment) message(digest *reports.Digest, said *reports.Explanation) string {
	if said.Deployed == "" && digest.Applied == d.Want {
		return cmp.Or(said.Installed, said.Monitored)
	}
	return cmp.Or(said.Deployed, said.Monitored)
}

// Unavailable reports whether it is there and unavailable: S 6.3.
func (d Deployment) Unavailable() bool {
	digest := d.digest()
	return d.unavailable(&digest)
}

func (d *Deployment) unavailable(digest *reports.Digest) bool {
	return !d.Missing && (digest.Applied != d.Promoted || !digest.Ready)
}

// UpToDate reports whether it is there and staged, promoted and applied are all at
// the wanted deployment ID: S 6.3.
func (d Deployment) UpToDate() bool {
	digest := d.digest()
	return d.upToDate(&digest)
}

func (d *Deployment) upToDate(digest *reports.Digest) bool {
	return !d.Missing && d.Staged == d.Want && d.Promoted == d.Want && digest.Applied == d.Want
}

// Weight is what it adds to a roll-up.
func (d Deployment) Weight() Weight {
	var w Weight
	digest := d.digest()
	state := d.state(&digest)
	*w.counter(state) = 1
	if state != v1alpha1.Ready {
		w.Listed = 1
	}
	unavailable := d.unavailable(&digest)
	if unavailable {
		w.Unavailable = 1
	}
	if unavailable || !d.upToDate(&digest) {
		w.Outdated = 1
	}
	w.Resources = digest.Counts
	return w
}

// Entry is what the summary lists of it if it is not Ready. Its message says how many
// objects the report names beyond those that are listed.
func (d Deployment) Entry() v1alpha1.NonReadyResource {
	digest := d.digest()
	said := d.explanation(&digest)
	text := d.message(&digest, said)
	if digest.Unnamed > 0 {
		text = strings.TrimSpace(fmt.Sprintf("%s (%d more objects are not listed here)", text, digest.Unnamed))
	}
	return v1alpha1.NonReadyResource{
		Name:           d.Name,
		State:          d.state(&digest),
		Message:        text,
		ModifiedStatus: said.ModifiedStatus,
		NonReadyStatus: said.NonReadyStatus,
	}
}
