// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"
)

// Batch is one whole revision of the log. Without records, it says that the log has reached
// the revision.
type Batch struct {
	Revision int64
	Records  []Record
}

// Watch calls apply for every revision after the given one, in order, until the context
// ends or the stream breaks; apply must not wait for readers. It fails
//
//   - with ErrCompacted if the log no longer reaches back that far;
//   - with ErrUndecryptable before the first revision with a record that cannot be decrypted;
//   - with record.ErrNewer before the first with a record that a newer version wrote;
//   - with ErrReplaced before the first from another cluster: the etcd client resumes a
//     watch by itself, whichever cluster answers at the address.
func (l *Log) Watch(ctx context.Context, after int64, apply func(Batch)) error {
	// Without a required leader, a partitioned member would keep the watch open and send
	// nothing.
	stream := strconv.FormatUint(streams.Add(1), 10)
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ownStream(ctx, stream)))
	defer cancel()
	defer l.progress.begin(ctx, stream)()
	responses := l.client.Watch(ctx, l.logPrefix(), clientv3.WithPrefix(), clientv3.WithRev(after+1), clientv3.WithFragment())
	for response := range responses {
		if err := response.Err(); err != nil {
			if response.CompactRevision > 0 || errors.Is(err, rpctypes.ErrCompacted) {
				return ErrCompacted
			}
			return fmt.Errorf("watch records after revision %d: %w", after, err)
		}
		if err := l.sameCluster(response.Header); err != nil {
			return fmt.Errorf("watch records after revision %d: %w", after, err)
		}
		if response.IsProgressNotify() {
			// Only here is the header's revision that of the watch. In answers that catch
			// up, it is ahead of the events.
			if response.Header.Revision > after {
				after = response.Header.Revision
				apply(Batch{Revision: after})
			}
			continue
		}
		for events := response.Events; len(events) > 0; {
			batch, rest, err := l.cut(ctx, events)
			if err != nil {
				return fmt.Errorf("watch records after revision %d: %w", after, err)
			}
			apply(batch)
			after, events = batch.Revision, rest
		}
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return errors.New("watch of the log ended")
}

// cut returns the events of the first revision as a batch, and the remaining events. An
// answer to a watcher that catches up may hold many revisions, each whole.
func (l *Log) cut(ctx context.Context, events []*clientv3.Event) (Batch, []*clientv3.Event, error) {
	batch := Batch{Revision: events[0].Kv.ModRevision}
	n := 0
	for n < len(events) && events[n].Kv.ModRevision == batch.Revision {
		kv := events[n].Kv
		r := l.named(kv.Key, kv.ModRevision)
		if events[n].Type != mvccpb.Event_DELETE {
			r.Value = present(kv.Value)
		}
		if err := l.decryptRecord(ctx, &r); err != nil {
			return Batch{}, nil, err
		}
		batch.Records = append(batch.Records, r)
		n++
	}
	return batch, events[n:], nil
}

// progress holds what RequestProgress needs to know about the latest watch.
type progress struct {
	sync.RWMutex
	// stream is the watch's stream, "" between watches.
	stream string
	// ended ends when RequestProgress may no longer use the stream.
	ended context.Context //nolint:containedctx // it is that of the watch
}

// begin makes a watch the one that RequestProgress asks. No request is under way, and none
// follows, after the returned function has returned: for a request on a stream that is
// gone, the etcd client would open a new stream and never close it.
func (p *progress) begin(ctx context.Context, stream string) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	p.Lock()
	defer p.Unlock()
	p.stream, p.ended = stream, ctx
	return func() {
		cancel()
		p.Lock()
		defer p.Unlock()
		if p.stream == stream {
			p.stream, p.ended = "", nil
		}
	}
}

// RequestProgress asks etcd for the progress of the latest watch, which delivers the answer
// as a Batch without records. The answer may be late or lost, so a caller that waits for it
// must ask again. Between watches, RequestProgress does nothing.
func (l *Log) RequestProgress(ctx context.Context) error {
	p := &l.progress
	p.RLock()
	defer p.RUnlock()
	if p.ended == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ended, cancel)()
	err := l.client.RequestProgress(clientv3.WithRequireLeader(ownStream(ctx, p.stream)))
	if p.ended.Err() != nil {
		return nil
	}
	return err
}

// streams counts the watches of all logs of this process.
var streams atomic.Uint64

// ownStream gives each watch its own stream: the etcd client opens one for each set of
// metadata. This has two reasons. etcd withholds progress notifications while any watcher
// on the same stream lags (etcd#20229). And the client passes a requested notification to
// all watches that it knows on the stream. A newer watch that lags would then believe that
// it has reached that revision.
func ownStream(ctx context.Context, stream string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "muster-stream", stream)
}
