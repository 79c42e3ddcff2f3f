// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"sync/atomic"
	"time"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/state"
)

// Stats holds an engine's numbers at one moment. The totals count since the engine was made,
// Evaluations since the last load.
type Stats struct {
	Ready bool
	// Restored is nil unless the replica is closed.
	Restored *Restored
	// Seen is the newest revision read by quorum. Revision is that of the view, 0 if it does
	// not exist yet.
	Seen, Revision int64
	// Age is the time since the view was last known to hold everything committed. It is
	// negative if it never was.
	Age time.Duration

	Records, Loads, Undecodable int64
	state.Counts
	// Space says how full etcd is.
	Space etcd.Space

	// Audits counts audits, Audited the objects that they compared, and Differences the
	// objects that were wrong.
	Audits, Audited, Differences int64
}

type totals struct {
	records, loads, undecodable, audits, audited, differences atomic.Int64
}

// Stats returns the current numbers. It costs O(1), and waits at most for the revision that is
// being applied.
func (e *Engine) Stats() Stats {
	s := Stats{
		Ready:       e.pulse.Ready(),
		Restored:    e.Restored(),
		Seen:        e.pulse.Seen(),
		Age:         -1,
		Records:     e.totals.records.Load(),
		Loads:       e.totals.loads.Load(),
		Undecodable: e.totals.undecodable.Load(),
		Audits:      e.totals.audits.Load(),
		Audited:     e.totals.audited.Load(),
		Differences: e.totals.differences.Load(),
		Space:       e.log.Space(),
	}
	if age, ever := e.pulse.Age(); ever {
		s.Age = age
	}
	if v := e.current.Load(); v != nil {
		s.Revision = v.Revision
	}
	_ = e.ask(func(now *state.State) { s.Counts = now.Counts() })
	return s
}
