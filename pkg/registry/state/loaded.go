// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Loaded is all of the log at a revision, or a part of it. The reports on
// BundleDeployments, which are most of a large log, are decoded as they come: their
// records would take as much room as all that is made of them, and decoding is most of
// the work of a load, and can be done on all processors.
type Loaded struct {
	// Batch are the other records, and the reports that cannot be decoded.
	etcd.Batch
	reports hiddenReports
	// Read counts the records.
	Read int
	// waiting are reports to be decoded.
	waiting []waitingReport
}

type waitingReport struct {
	of     etcd.Record
	report *view.Report
	err    error
}

// together is how many reports are decoded at once.
const together = 8192

// NewLoaded returns an empty log at a revision.
func NewLoaded(revision int64) *Loaded {
	return &Loaded{Batch: etcd.Batch{Revision: revision}, reports: newHiddenReports()}
}

// Add takes a record. After the last one comes Decode.
func (l *Loaded) Add(r etcd.Record) {
	l.Read++
	if !isReport(&r) {
		l.Records = append(l.Records, r)
		return
	}
	if l.waiting = append(l.waiting, waitingReport{of: r}); len(l.waiting) == together {
		l.Decode()
	}
}

// isReport tells a report on a BundleDeployment that there is.
func isReport(r *etcd.Record) bool {
	return r.Err == nil && r.Value != nil && r.Key.Type == record.TypeReport && r.Key.Resource == record.BundleDeployments
}

// Decode decodes the reports that wait.
func (l *Loaded) Decode() {
	parallel(len(l.waiting), func(i int) {
		r := &l.waiting[i]
		r.report, r.err = view.NewReport(r.of.Value, r.of.Revision)
	})
	for i := range l.waiting {
		if r := &l.waiting[i]; r.err == nil {
			l.reports.put(r.of.Key.Name, r.report)
		} else {
			l.Records = append(l.Records, r.of) // to be passed over, as all such are
		}
	}
	clear(l.waiting)
	l.waiting = l.waiting[:0]
}

// Begin brings a new state to the revision of what was loaded. known reports that the
// changes of this revision are known to be none.
func (s *State) Begin(all *Loaded, known bool) {
	s.undecodable.loading = true
	s.begin(all)
	s.undecodable.loading = false
	if known {
		s.builder.LoadUnchanged(all.Revision)
	} else {
		s.builder.Load(all.Revision)
	}
}

func (s *State) begin(all *Loaded) {
	s.hidden = all.reports
	s.apply(all.Batch)
}

// Recomputed returns what records mean, without the index and all else that is kept from
// edit to edit, and how many of the records cannot be decoded.
func Recomputed(all *Loaded) (v *view.View, undecodable int) {
	s := New(view.Limits{}, nil, nil)
	s.exhaustive = true
	s.begin(all)
	return s.builder.Load(all.Revision), len(s.undecodable.paths)
}
