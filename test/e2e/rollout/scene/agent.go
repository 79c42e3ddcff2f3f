// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"math/rand/v2"
	"sync/atomic"
)

// Told holds what an agent sees of its BundleDeployment, and what it has said of it.
type Told struct {
	// There reports that there is one. ID is what to deploy, "" if nothing yet, and
	// Version the version of that.
	There   bool
	ID      string
	Version int
	Paused  bool
	// Applied and Ready are the agent's own last words.
	Applied string
	Ready   bool
}

// Done reports whether an agent has nothing left to do.
func (t Told) Done() bool { return t.Applied == t.ID && t.Ready }

// Mood is how all agents are.
type Mood struct {
	// Well makes every agent do as it is told, without a failure of its own.
	Well atomic.Bool
	// Broken is a version that never gets ready; 0 is none.
	Broken atomic.Int64
}

// Act returns the report of an agent after one look at its BundleDeployment: it reports what
// it has applied and whether that is ready, or it is busy, or content.
func (m *Mood) Act(r *rand.Rand, t Told) (applied string, ready, reports bool) {
	well, chance := m.Well.Load(), r.IntN(1000)
	works := int64(t.Version) != m.Broken.Load()
	switch {
	case !t.There || t.ID == "":
	case t.Applied != t.ID && !t.Paused: // deploys, unless it is busy or restarts
		return t.ID, works && (well || chance < 500), well || chance < 600
	case t.Applied != t.ID: // keeps what it has
	case !t.Ready && works: // recovers
		return t.Applied, true, well || chance < 500
	case t.Ready && !well && chance < 3: // fails
		return t.Applied, false, true
	}
	return "", false, false
}
