// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// aheadReport is a report that was decoded before its turn.
type aheadReport struct {
	of     *etcd.Record
	report *view.Report
	err    error
}

// many is from how many reports on to decode them on all processors is worth it, and
// how many one takes at a time.
const many = 256

// decodeAhead decodes the reports on BundleDeployments among the records of a revision,
// in their order, if there are many. That is most of the work of a load, and nothing in
// it depends on anything else.
func decodeAhead(records []etcd.Record) []aheadReport {
	if len(records) < many {
		return nil
	}
	var out []aheadReport
	for i := range records {
		if isReport(&records[i]) {
			out = append(out, aheadReport{of: &records[i]})
		}
	}
	if len(out) < many {
		return nil
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				to := int(next.Add(many))
				from := to - many
				if from >= len(out) {
					return
				}
				for i := from; i < min(to, len(out)); i++ {
					a := &out[i]
					a.report, a.err = view.NewReport(a.of.Value, a.of.Revision)
				}
			}
		})
	}
	workers.Wait()
	return out
}

// isReport tells a report on a BundleDeployment that there is.
func isReport(r *etcd.Record) bool {
	return r.Err == nil && r.Value != nil && r.Key.Type == record.TypeReport && r.Key.Resource == record.BundleDeployments
}

// decodeReport decodes a report on a BundleDeployment, unless that was done ahead.
func (w *work) decodeReport(r *etcd.Record) (*view.Report, error) {
	if len(w.ahead) > 0 && w.ahead[0].of == r {
		a := w.ahead[0]
		w.ahead = w.ahead[1:]
		return a.report, a.err
	}
	return view.NewReport(r.Value, r.Revision)
}
