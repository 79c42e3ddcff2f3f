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

// Deployment holds the parts of a BundleDeployment that roll-ups read.
//
// A Bundle and its partitions judge it by the newest deployment ID, all other roll-ups by
// the promoted one (S 7.1). The caller chooses with Want.
type Deployment struct {
	// Name is its name in the summary: the BundleDeployment's own name, or in a Bundle the
	// Cluster's namespace/name.
	Name string
	// Want is the deployment ID that it should have applied.
	Want string
	// Staged and Promoted are spec.stagedDeploymentID and spec.deploymentID.
	Staged, Promoted string
	// Status is the agent's report; nil if there is none, or Report has it.
	Status *v1alpha1.BundleDeploymentStatus
	// Report is the agent's report, not decoded; nil if there is none, or Status has it.
	Report Report
	// Explanation is the part of the report that explains the state; nil if it is still to
	// be read from the report.
	Explanation *reports.Explanation
	// Missing says that the Cluster is targeted but has no BundleDeployment yet. All other
	// fields except Name are then ignored.
	Missing bool
}

// Report is an agent's report. Its digest costs nothing. All else that roll-ups read is
// decoded for each caller.
type Report interface {
	Digest() reports.Digest
	// Brief returns the part that roll-ups read (reports.Brief), and possibly more.
	Brief() *v1alpha1.BundleDeploymentStatus
}

// digest returns the digest of the report, or of an empty one if it has none.
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

// nothing is the explanation if the report has none.
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

// State returns the state in the first line of S 7.1's table that applies.
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

// Message returns the agent's message: from the condition Deployed, otherwise from
// Installed if it is about the wanted deployment, otherwise from Monitored.
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

// Unavailable reports whether it exists and is unavailable (S 6.3).
func (d Deployment) Unavailable() bool {
	digest := d.digest()
	return d.unavailable(&digest)
}

func (d *Deployment) unavailable(digest *reports.Digest) bool {
	return !d.Missing && (digest.Applied != d.Promoted || !digest.Ready)
}

// UpToDate reports whether it exists, and the wanted deployment ID is staged, promoted and
// applied (S 6.3).
func (d Deployment) UpToDate() bool {
	digest := d.digest()
	return d.upToDate(&digest)
}

func (d *Deployment) upToDate(digest *reports.Digest) bool {
	return !d.Missing && d.Staged == d.Want && d.Promoted == d.Want && digest.Applied == d.Want
}

// Weight returns what it adds to a roll-up.
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

// Entry returns its entry in a summary, for use if it is not Ready. The message says how
// many objects the report has but the entry does not list.
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
