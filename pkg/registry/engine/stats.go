// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"sync/atomic"
	"time"

	"github.com/musterfleet/muster/pkg/registry/index"
)

// Stats are an engine's numbers at one moment. The totals count since the engine
// was made, Evaluations since the last load.
type Stats struct {
	Ready bool
	// Seen is the newest revision read by quorum, Revision that of the view, 0 if
	// there is none yet.
	Seen, Revision int64
	// Age is how long ago the view was known to hold all that was committed;
	// negative if it never was.
	Age time.Duration

	Records, Loads, Undecodable int64
	// UndecodableNow are the records that cannot be decoded now, Foreign those of them that
	// have no key of ours.
	UndecodableNow, Foreign int
	// Missing are those of them without which it cannot be told which BundleDeployments
	// there are.
	Missing int

	// Audits are those made, Audited the objects that they compared, and Differences
	// those that were wrong.
	Audits, Audited, Differences int64

	Evaluations int
	// Filed and Loose are the distinct selectors in the index that an edit finds by
	// a label, and those that each full match visits.
	Filed, Loose int
}

// totals are counted as they happen.
type totals struct {
	records, loads, undecodable, audits, audited, differences atomic.Int64
}

// Stats returns the present numbers. It costs O(1), and waits at most for the
// revision that is being applied.
func (e *Engine) Stats() Stats {
	s := Stats{
		Ready:       e.pulse.Ready(),
		Seen:        e.pulse.Seen(),
		Age:         -1,
		Records:     e.totals.records.Load(),
		Loads:       e.totals.loads.Load(),
		Undecodable: e.totals.undecodable.Load(),
		Audits:      e.totals.audits.Load(),
		Audited:     e.totals.audited.Load(),
		Differences: e.totals.differences.Load(),
	}
	if age, ever := e.pulse.Age(); ever {
		s.Age = age
	}
	if v := e.current.Load(); v != nil {
		s.Revision = v.Revision
	}
	e.state.RLock()
	defer e.state.RUnlock()
	if e.state.state == nil {
		return s
	}
	s.Evaluations = e.state.evaluated
	s.UndecodableNow, s.Foreign, s.Missing = len(e.state.undecodable.paths), e.state.undecodable.foreign, len(e.state.undecodable.missing)
	s.fill(e.state.index.entries)
	s.fill(e.state.index.groupEntries)
	s.fill(e.state.index.groups)
	return s
}

func (s *Stats) fill(x interface{ Distinct() index.Distinct }) {
	d := x.Distinct()
	s.Filed += d.Filed
	s.Loose += d.Loose
}
