// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Decoded holds objects and reports of one revision, decoded before it is applied. A
// record of 1.5 MiB takes tens of milliseconds.
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

// made is what a record was decoded to: one of the three, or an error.
type made struct {
	object *record.Object
	report *record.Report
	// deployment is a report on a BundleDeployment.
	deployment *view.Report
	err        error
}

// decode decodes a record; false if it is of another type.
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

// decoded is what a record is decoded to, which mostly is done already. It must be one
// that decode takes.
func (w *work) decoded(r *etcd.Record) made {
	out, ok := w.made[r.Key]
	if !ok {
		out, _ = decode(r)
	}
	return out
}
