// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Decoded holds the decoded objects and reports of one revision. They are decoded before the
// revision is applied, because a record of 1.5 MiB takes tens of milliseconds.
type Decoded map[record.Key]made

// Decode decodes the objects and reports among some records. It needs no state.
func Decode(records []etcd.Record) Decoded {
	var out Decoded
	for i := range records {
		if m, ok := decode(&records[i]); ok {
			if out == nil {
				out = make(Decoded, len(records))
			}
			out[records[i].Key] = m
		}
	}
	return out
}

// made is the result of decoding a record: one of three types, or an error.
type made struct {
	object     *record.Object
	report     *record.Report
	deployment *view.Report // a report on a BundleDeployment
	err        error
}

// decode decodes a record. It reports false if the record is of another type.
func decode(r *etcd.Record) (out made, ok bool) {
	switch {
	case r.Err != nil || r.Value == nil:
		return made{}, false
	case isReport(r):
		out.deployment, out.err = view.NewReport(r.Value, r.Revision)
	case r.Key.Type == record.TypeReport:
		out.report, out.err = record.DecodeReport(r.Key.Resource, r.Value)
	case r.Key.Type == record.TypeObject:
		out.object, out.err = record.DecodeObject(r.Key.Resource, r.Value)
	default:
		return made{}, false
	}
	return out, true
}

// decoded returns what a record was decoded to before Apply, or else decodes it. The record
// must be one that decode accepts.
func (w *work) decoded(r *etcd.Record) made {
	out, ok := w.made[r.Key]
	if !ok {
		out, _ = decode(r)
	}
	return out
}

// Loaded is all of the log at a revision, or a part of it. It decodes the reports on
// BundleDeployments, which are most of a large log, while they arrive: their records would
// take as much memory as everything made from them.
type Loaded struct {
	// Batch holds the other records, and the reports that cannot be decoded.
	etcd.Batch
	Read    int // how many records were added
	reports hiddenReports
	waiting []waitingReport // reports that are still to be decoded
}

type waitingReport struct {
	of     etcd.Record
	report *view.Report
	err    error
}

// together is how many reports are decoded at a time.
const together = 8192

// NewLoaded returns an empty log at a revision.
func NewLoaded(revision int64) *Loaded {
	return &Loaded{Batch: etcd.Batch{Revision: revision}, reports: newHiddenReports()}
}

// Add adds a record. Decode must follow the last one.
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

// isReport reports whether a record is an existing report on a BundleDeployment.
func isReport(r *etcd.Record) bool {
	return r.Err == nil && r.Value != nil && r.Key.Type == record.TypeReport && r.Key.Resource == record.BundleDeployments
}

// Decode decodes the reports that are still waiting.
func (l *Loaded) Decode() {
	parallel(len(l.waiting), func(i int) {
		r := &l.waiting[i]
		r.report, r.err = view.NewReport(r.of.Value, r.of.Revision)
	})
	for i := range l.waiting {
		if r := &l.waiting[i]; r.err == nil {
			l.reports.put(r.of.Key.Name, r.report)
		} else {
			l.Records = append(l.Records, r.of) // it is treated like all records that cannot be decoded
		}
	}
	clear(l.waiting)
	l.waiting = l.waiting[:0]
}

// Begin brings a new state to the revision of what was loaded. known says that this revision
// is known to have changed nothing.
func (s *State) Begin(all *Loaded, known bool) {
	s.undecodable.Loading = true
	s.begin(all)
	s.undecodable.Loading = false
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

// Recomputed returns what records mean, and how many of them cannot be decoded. It uses
// neither the index nor anything else that is kept from edit to edit.
func Recomputed(all *Loaded) (v *view.View, undecodable int) {
	s := New(view.Limits{}, nil, nil)
	s.exhaustive = true
	s.begin(all)
	return s.builder.Load(all.Revision), s.undecodable.Len()
}
