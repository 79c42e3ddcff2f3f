// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"sync/atomic"
	"time"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/record"
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

// undecodable knows the records that were passed over, by their paths: some have no
// key of ours.
type undecodable struct {
	total *atomic.Int64
	paths map[string]struct{}
	// missing are those of which nothing is known, because they were so when the state
	// was loaded, and that may decide which BundleDeployments there are: without them
	// some seem to be gone, and their agents would uninstall. What comes to be like
	// that later is shown as it last was, or is new to everybody.
	missing map[string]struct{}
	loading bool
}

// decides tells whether a record may decide which BundleDeployments there are, where,
// and with what.
func decides(key record.Key) bool {
	switch key.Type {
	case record.TypePin, record.TypeMirror, record.TypePromotion, record.TypeRollout:
		return true
	case record.TypeReport:
		return key.Resource == record.Clusters // it may say where they are
	case record.TypeObject:
		switch key.Resource {
		case record.Bundles, record.Clusters, record.ClusterGroups, record.Mappings, record.Restrictions, record.Policies:
			return true
		}
	}
	return false
}

// note enters what became of a record. While all is well it costs one comparison.
func (u *undecodable) note(r *etcd.Record, err error) {
	if err == nil {
		if len(u.paths) > 0 {
			delete(u.paths, r.Path())
			delete(u.missing, r.Path())
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
	if u.loading && r.Err == nil && decides(r.Key) {
		if u.missing == nil {
			u.missing = map[string]struct{}{}
		}
		u.missing[r.Path()] = struct{}{}
	}
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
		Audits:      e.totals.audits.Load(),
		Audited:     e.totals.audited.Load(),
		Differences: e.totals.differences.Load(),
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
	s.UndecodableNow, s.Missing = len(e.state.undecodable.paths), len(e.state.undecodable.missing)
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
