// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"runtime"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/state"
)

// A record of 1.5 MiB takes tens of milliseconds to decode. So objects and reports are decoded
// before the engine's goroutine takes their revision, several revisions at once. Revisions are
// taken in order, each when its records are decoded.

const (
	// ahead is how many revisions may be read ahead of the one that is being applied.
	ahead = 64
	// smallRevision is the size in bytes up to which a revision is decoded as it is read.
	// Handing it to another goroutine would take longer.
	smallRevision = 8 << 10
)

// arrival is a revision, with its objects and reports decoded once done is closed.
type arrival struct {
	etcd.Batch
	decoded state.Decoded
	done    chan struct{}
}

// decoders bounds how many revisions are decoded at once.
type decoders chan struct{}

// arrive starts to decode a revision.
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
	a.decoded = state.Decode(a.Records)
	close(a.done)
}

// watch calls apply for every revision after the given one, in order, until the context ends
// or the stream breaks, as etcd.Log.Watch does. When the context ends, it drops what was read
// and not applied, because that may belong to a lost history.
func (e *Engine) watch(ctx context.Context, after int64, apply func(*arrival)) error {
	queue, decoders := make(chan *arrival, ahead), make(decoders, runtime.GOMAXPROCS(0))
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
