// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"sync/atomic"
	"time"

	"github.com/musterfleet/muster/pkg/registry/etcd"
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
	// UndecodableNow are the records that cannot be decoded now.
	UndecodableNow int

	Evaluations int
	// Filed and Loose are the distinct selectors in the index that an edit finds by
	// a label, and those that each full match visits.
	Filed, Loose int
}

// totals are counted as they happen.
type totals struct{ records, loads, undecodable atomic.Int64 }

// undecodable knows the records that were passed over, by their paths: some have no
// key of ours.
type undecodable struct {
	total *atomic.Int64
	paths map[string]struct{}
}

// note enters what became of a record. While all is well it costs one comparison.
func (u *undecodable) note(r *etcd.Record, err error) {
	if err == nil {
		if len(u.paths) > 0 {
			delete(u.paths, r.Path())
		}
		return
	}
	if u.total != nil {
		u.total.Add(1)
	}
	if u.paths == nil {
		u.paths = map[string]struct{}{}
	}
	u.paths[r.Path()] = struct{}{}
}

// Stats returns the present numbers. It costs O(1), and waits at most for the
// revision that is being applied.
func (e *Engine) Stats() Stats {
	s := Stats{
		Ready:       e.pulse.ready(),
		Seen:        e.pulse.seen.Load(),
		Age:         -1,
		Records:     e.totals.records.Load(),
		Loads:       e.totals.loads.Load(),
		Undecodable: e.totals.undecodable.Load(),
	}
	if age, ever := e.pulse.age(); ever {
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
	s.UndecodableNow = len(e.state.undecodable.paths)
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
