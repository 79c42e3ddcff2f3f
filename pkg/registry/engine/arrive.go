// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"runtime"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// A record of 1.5 MiB takes tens of milliseconds to decode, so objects and reports are
// decoded before the engine's goroutine takes their revision: those of several revisions
// at once, while revisions before theirs are applied. Revisions are taken in order, each
// when its records are decoded.

const (
	// ahead is how many revisions may be read before the one that is applied.
	ahead = 64
	// smallRevision is how many bytes of records are decoded as they are read: to have
	// another goroutine do it would take longer.
	smallRevision = 8 << 10
)

// arrival is a revision, with its objects and reports decoded once done is closed.
type arrival struct {
	etcd.Batch
	made map[record.Key]made
	done chan struct{}
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

// decoders are how many revisions are decoded at once.
type decoders chan struct{}

func newDecoders() decoders { return make(decoders, runtime.GOMAXPROCS(0)) }

// arrive begins to decode a revision.
func (d decoders) arrive(batch etcd.Batch) *arrival {
	a := &arrival{Batch: batch, done: make(chan struct{})}
	size := 0
	for i := range batch.Records {
		size += len(batch.Records[i].Value)
	}
	if size <= smallRevision {
		a.decode()
		return a
	}
	d <- struct{}{}
	go func() {
		defer func() { <-d }()
		a.decode()
	}()
	return a
}

func (a *arrival) decode() {
	defer close(a.done)
	for i := range a.Records {
		if m, ok := decode(&a.Records[i]); ok {
			if a.made == nil {
				a.made = make(map[record.Key]made, len(a.Records))
			}
			a.made[a.Records[i].Key] = m
		}
	}
}

// watch calls apply for every revision after the given one, in order, until the context
// ends or the stream breaks, as etcd.Log.Watch does. What was read when the context ends
// is dropped: the history that it is of may be the lost one.
func (e *Engine) watch(ctx context.Context, after int64, apply func(*arrival)) error {
	queue, decoders := make(chan *arrival, ahead), newDecoders()
	var err error
	go func() {
		defer close(queue)
		err = e.log.Watch(ctx, after, func(batch etcd.Batch) {
			if ctx.Err() != nil {
				return
			}
			select {
			case queue <- decoders.arrive(batch):
			case <-ctx.Done():
			}
		})
	}()
	for a := range queue {
		<-a.done
		if ctx.Err() == nil {
			apply(a)
		}
	}
	return err
}
