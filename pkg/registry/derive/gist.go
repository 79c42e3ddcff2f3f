// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Gist is what of an agent's report decides the state of its BundleDeployment, and
// what is counted of it: all that a roll-up has to know of most. Reports that say the
// same of it have equal ones, as those on one Bundle mostly do.
type Gist struct {
	// Applied is the deployment ID that the agent applied last.
	Applied            string
	Ready, NonModified bool
	// Failed tells that the condition Deployed is False.
	Failed bool
	// Explains tells that there is a message about it, or an object that is named as
	// modified or not ready.
	Explains bool
	// Objects is a digest of what a GitRepo shows of the deployed objects; zero if the
	// report tells of none.
	Objects [16]byte
	// Counts are those of the deployed objects.
	Counts v1alpha1.ResourceCounts
	// Unlisted counts the resources, and Unnamed the objects that are modified or not
	// ready, beyond what roll-ups read of one report.
	Unlisted, Unnamed int
	// Work is a measure of what reading the report's objects takes: as many objects.
	Work int
}

// bytesEach is how many bytes of a report are as much work as one object.
const bytesEach = 256

// GistOf takes the gist out of a report.
func GistOf(status *v1alpha1.BundleDeploymentStatus) Gist {
	g := stateGist(status)
	g.Explains = len(status.ModifiedStatus)+len(status.NonReadyStatus) > 0
	for _, kind := range []string{conditionDeployed, conditionInstalled, conditionMonitored} {
		c := find(status.Conditions, kind)
		g.Explains = g.Explains || c != nil && c.Message != ""
	}
	said := &Explanation{}
	if g.Explains {
		said = Explain(status)
	}
	resources, bytes := listed(status)
	g.Unlisted = len(status.Resources) - len(resources)
	g.Unnamed = said.leaves(status)
	g.Work = 1 + len(resources) + bytes/bytesEach + said.size()/bytesEach
	incomplete := status.IncompleteState || g.Unlisted+g.Unnamed > 0
	g.Objects = objectsDigest(resources, said, incomplete, g.Unlisted)
	g.Counts = status.ResourceCounts
	return g
}

// size is how long all texts are.
func (e *Explanation) size() int {
	n := len(e.Deployed) + len(e.Installed) + len(e.Monitored)
	for i := range e.ModifiedStatus {
		n += len(e.ModifiedStatus[i].Patch)
	}
	for i := range e.NonReadyStatus {
		for _, text := range e.NonReadyStatus[i].Summary.Message {
			n += len(text)
		}
	}
	return n
}

// stateGist is that on which the state depends.
func stateGist(status *v1alpha1.BundleDeploymentStatus) Gist {
	c := find(status.Conditions, conditionDeployed)
	return Gist{
		Applied: status.AppliedDeploymentID, Ready: status.Ready, NonModified: status.NonModified,
		Failed: c != nil && c.Status == "False",
	}
}

// State is the first line of the table in S 7.1 that is true, for the deployment IDs
// that are wanted and staged.
func (g *Gist) State(want, staged string) v1alpha1.BundleState {
	switch {
	case g.Applied != want:
		if g.Failed {
			return v1alpha1.ErrApplied
		}
		return v1alpha1.WaitApplied
	case !g.Ready:
		return v1alpha1.NotReady
	case want != staged:
		return v1alpha1.OutOfSync
	case !g.NonModified:
		return v1alpha1.Modified
	}
	return v1alpha1.Ready
}

// TellsOfObjects reports whether a report adds to the deployed objects of a GitRepo.
func (g *Gist) TellsOfObjects() bool { return g.Objects != [16]byte{} }

// objectsDigest is of the objects' names and of what is said of each that its GitRepo
// shows: not when it was made, or why it is not ready.
func objectsDigest(resources []v1alpha1.BundleDeploymentResource, said *Explanation, incomplete bool, unlisted int) [16]byte {
	if len(resources)+len(said.NonReadyStatus)+len(said.ModifiedStatus)+unlisted == 0 {
		return [16]byte{}
	}
	text := make([]byte, 0, 1024)
	// No object can be taken for another: what it is and each length come first.
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
