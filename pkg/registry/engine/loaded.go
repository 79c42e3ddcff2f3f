// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// loaded is all of the log at a revision, or a part of it. The reports on
// BundleDeployments, which are most of a large log, are decoded as they come: their
// records would take as much room as all that is made of them, and decoding is most of
// the work of a load, and can be done on all processors.
type loaded struct {
	// Batch are the other records, and the reports that cannot be decoded.
	etcd.Batch
	reports hiddenReports
	// read is how many records it was.
	read int
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

// records reads all of the log at a revision, or what is needed of it.
func (e *Engine) records(ctx context.Context, at int64, needed func(*etcd.Record) bool) (*loaded, error) {
	all := newLoaded(at)
	err := e.log.Load(ctx, at, func(r etcd.Record) {
		if needed == nil || needed(&r) {
			all.add(r)
		}
	})
	all.decode()
	return all, err
}

func newLoaded(revision int64) *loaded {
	return &loaded{Batch: etcd.Batch{Revision: revision}, reports: newHiddenReports()}
}

// add takes a record. After the last one comes decode.
func (l *loaded) add(r etcd.Record) {
	l.read++
	if !isReport(&r) {
		l.Records = append(l.Records, r)
		return
	}
	if l.waiting = append(l.waiting, waitingReport{of: r}); len(l.waiting) == together {
		l.decode()
	}
}

// isReport tells a report on a BundleDeployment that there is.
func isReport(r *etcd.Record) bool {
	return r.Err == nil && r.Value != nil && r.Key.Type == record.TypeReport && r.Key.Resource == record.BundleDeployments
}

// decode decodes the reports that wait.
func (l *loaded) decode() {
	each(len(l.waiting), func(i int) {
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

// begin brings a new state to the revision of what was loaded.
func (s *state) begin(all *loaded) {
	s.hidden = all.reports
	s.apply(all.Batch)
}
