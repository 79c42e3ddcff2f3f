// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Digest is the part of an agent's report that decides the state of its BundleDeployment
// and is counted. A roll-up needs no more of most reports. A Digest is comparable, and most
// reports on one Bundle have equal ones.
type Digest struct {
	// Applied is the deployment ID that the agent applied last.
	Applied            string
	Ready, NonModified bool
	// Failed is true if the condition Deployed is False.
	Failed bool
	// Explains is true if the report has a message, or names an object as modified or
	// not ready.
	Explains bool
	// Objects is a hash of what a GitRepo shows of the deployed objects, zero if the
	// report names none.
	Objects [16]byte
	// Counts are those of the deployed objects.
	Counts v1alpha1.ResourceCounts
	// Unlisted counts the resources, and Unnamed the objects that are modified or not
	// ready, beyond what roll-ups read of one report.
	Unlisted, Unnamed int
	// Work is the cost of reading the report's objects, in objects.
	Work int
}

// bytesEach is how many bytes of a report are as much work as one object.
const bytesEach = 256

// DigestOf returns the digest of a report.
func DigestOf(status *v1alpha1.BundleDeploymentStatus) Digest {
	d := stateDigest(status)
	d.Explains = len(status.ModifiedStatus)+len(status.NonReadyStatus) > 0
	for _, kind := range []string{conditionDeployed, conditionInstalled, conditionMonitored} {
		c := Condition(status.Conditions, kind)
		d.Explains = d.Explains || c != nil && c.Message != ""
	}
	said := &Explanation{}
	if d.Explains {
		said = Explain(status)
	}
	resources, bytes := listed(status)
	d.Unlisted = len(status.Resources) - len(resources)
	d.Unnamed = said.unnamed(status)
	d.Work = 1 + len(resources) + bytes/bytesEach + said.size()/bytesEach
	incomplete := status.IncompleteState || d.Unlisted+d.Unnamed > 0
	d.Objects = hashObjects(resources, said, incomplete, d.Unlisted)
	d.Counts = status.ResourceCounts
	return d
}

// stateDigest returns a digest with only the fields that the state depends on.
func stateDigest(status *v1alpha1.BundleDeploymentStatus) Digest {
	c := Condition(status.Conditions, conditionDeployed)
	return Digest{Applied: status.AppliedDeploymentID, Ready: status.Ready, NonModified: status.NonModified, Failed: c != nil && c.Status == "False"}
}

// State returns the first state of the table in S 7.1 that holds, for the deployment IDs
// that are wanted and staged.
func (d *Digest) State(want, staged string) v1alpha1.BundleState {
	switch {
	case d.Applied != want:
		if d.Failed {
			return v1alpha1.ErrApplied
		}
		return v1alpha1.WaitApplied
	case !d.Ready:
		return v1alpha1.NotReady
	case want != staged:
		return v1alpha1.OutOfSync
	case !d.NonModified:
		return v1alpha1.Modified
	}
	return v1alpha1.Ready
}

// TellsOfObjects reports whether a report adds to the deployed objects of a GitRepo.
func (d *Digest) TellsOfObjects() bool { return d.Objects != [16]byte{} }

// hashObjects hashes the objects' names, and what a GitRepo shows of each: neither when it
// was created nor why it is not ready.
func hashObjects(resources []v1alpha1.BundleDeploymentResource, said *Explanation, incomplete bool, unlisted int) [16]byte {
	if len(resources)+len(said.NonReadyStatus)+len(said.ModifiedStatus)+unlisted == 0 {
		return [16]byte{}
	}
	text := make([]byte, 0, 1024)
	// The kind of entry and the lengths come first, so that different lists never give
	// the same text.
	add := func(what byte, words ...string) {
		text = append(text, what)
		for _, w := range words {
			text = append(binary.AppendUvarint(text, uint64(len(w))), w...)
		}
	}
	for i := range resources {
		r := &resources[i]
		add('r', r.Kind, r.APIVersion, r.Namespace, r.Name)
	}
	for i := range said.NonReadyStatus {
		r := &said.NonReadyStatus[i]
		add('n', r.Kind, r.APIVersion, r.Namespace, r.Name, r.Summary.State)
	}
	for i := range said.ModifiedStatus {
		r := &said.ModifiedStatus[i]
		what := byte('m')
		switch {
		case r.Delete:
			what = 'd'
		case r.Create:
			what = 'c'
		}
		add(what, r.Kind, r.APIVersion, r.Namespace, r.Name)
	}
	if incomplete {
		add('i')
	}
	if unlisted > 0 {
		text = binary.AppendUvarint(append(text, 'u'), uint64(unlisted))
	}
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}
