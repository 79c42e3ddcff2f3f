// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"math/rand/v2"
	"sync/atomic"
)

// Look holds what an agent sees of its BundleDeployment, and what it has reported about it.
type Look struct {
	// There says that the BundleDeployment exists. ID is its deployment ID, "" if it has
	// none yet, and Version the version of that.
	There   bool
	ID      string
	Version int
	Paused  bool
	// Applied and Ready are the agent's last report.
	Applied string
	Ready   bool
}

// Done reports whether the agent has nothing left to do.
func (l Look) Done() bool { return l.Applied == l.ID && l.Ready }

// Mood decides how all agents behave.
type Mood struct {
	// Well makes every agent deploy without failures.
	Well atomic.Bool
	// Broken is a version that never becomes ready; 0 means none.
	Broken atomic.Int64
}

// Act returns the report of an agent after one look at its BundleDeployment: the version
// that it has applied, and whether that is ready. reports is false if the agent is busy or
// has nothing to report.
func (m *Mood) Act(r *rand.Rand, l Look) (applied string, ready, reports bool) {
	well, chance := m.Well.Load(), r.IntN(1000)
	works := int64(l.Version) != m.Broken.Load()
	switch {
	case !l.There || l.ID == "":
	case l.Applied != l.ID && !l.Paused: // deploys, unless it is busy or restarts
		return l.ID, works && (well || chance < 500), well || chance < 600
	case l.Applied != l.ID: // keeps what it has
	case !l.Ready && works: // recovers
		return l.Applied, true, well || chance < 500
	case l.Ready && !well && chance < 3: // fails
		return l.Applied, false, true
	}
	return "", false, false
}
