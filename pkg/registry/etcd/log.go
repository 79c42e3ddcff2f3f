// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// ErrCompacted means that the log no longer holds the requested revision.
var ErrCompacted = errors.New("revision has been compacted")

// ErrFuture means that etcd has not reached the requested revision.
var ErrFuture = errors.New("revision has not been reached")

// Log is the log of facts below one prefix of an etcd cluster.
type Log struct {
	client      *clientv3.Client
	prefix      string
	encryptedBy func(resource string) Encryption
	// cluster is the ID of the cluster that answered first, 0 before that.
	cluster  atomic.Uint64
	progress progress
	together together
	space    space
}

// New returns the log below prefix, which must be absolute, like "/muster".
func New(client *clientv3.Client, prefix string, options ...Option) *Log {
	l := &Log{client: client, prefix: strings.TrimSuffix(prefix, "/"), space: space{suspected: make(chan struct{}, 1)}}
	for _, option := range options {
		option(l)
	}
	return l
}

func (l *Log) logPrefix() string { return l.prefix + "/log/" }

func (l *Log) path(key record.Key) string { return l.logPrefix() + key.Path() }

// ContentPath returns the key in etcd of a content record.
func (l *Log) ContentPath(id string) string { return l.prefix + "/content/" + id }

func (l *Log) parse(path []byte) (record.Key, error) {
	return record.ParseKey(strings.TrimPrefix(string(path), l.logPrefix()))
}

// Revision returns the current revision, by quorum: everything committed before the call
// is at or below it. It fails with ErrReplaced if the cluster that answers is not the one
// that answered before.
func (l *Log) Revision(ctx context.Context) (int64, error) {
	// Any key will do: only the answer's header matters.
	response, err := l.client.Get(ctx, l.prefix+"/revision", clientv3.WithKeysOnly())
	if err != nil {
		return 0, fmt.Errorf("read the current revision: %w", err)
	}
	if err := l.sameCluster(response.Header); err != nil {
		return 0, fmt.Errorf("read the current revision: %w", err)
	}
	return response.Header.Revision, nil
}

// Advance creates a new revision of etcd and returns it. It changes no record.
func (l *Log) Advance(ctx context.Context) (int64, error) {
	response, err := l.client.Put(ctx, l.prefix+"/revision", "")
	if err != nil {
		return 0, fmt.Errorf("advance the revision: %w", err)
	}
	return response.Header.Revision, nil
}

// Holds reports whether the log still reaches back to a revision.
func (l *Log) Holds(ctx context.Context, revision int64) (bool, error) {
	_, err := l.client.Get(ctx, l.prefix+"/revision", clientv3.WithKeysOnly(), clientv3.WithRev(revision))
	if errors.Is(err, rpctypes.ErrCompacted) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read revision %d: %w", revision, err)
	}
	return true, nil
}

// Record is one record of the log.
type Record struct {
	Key record.Key
	// Value is nil if the record was deleted.
	Value []byte
	// Revision is the one at which the record was last written, or deleted.
	Revision int64
	// Err is not nil if the key is not one of Muster's. The caller must report such a
	// record and otherwise ignore it.
	Err error
	// foreign is the path of such a key.
	foreign string
}

// Path returns a path that identifies the record, also if its key is not Muster's.
func (r *Record) Path() string {
	if r.Err != nil {
		return r.foreign
	}
	return r.Key.Path()
}

// named returns a record with only its key and its revision.
func (l *Log) named(path []byte, revision int64) Record {
	r := Record{Revision: revision}
	if r.Key, r.Err = l.parse(path); r.Err != nil {
		r.foreign = strings.TrimPrefix(string(path), l.logPrefix())
	}
	return r
}

// present returns the value of a record that exists, which is never nil. The wire does not
// distinguish an absent value from an empty one. An existing record with an empty value is
// a bad record, not a deleted one.
func present(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// Get reads the current state of one record, by quorum. Its Value is nil if none exists.
// It fails with ErrUndecryptable if the record cannot be decrypted.
func (l *Log) Get(ctx context.Context, key record.Key) (Record, error) {
	r := Record{Key: key}
	response, err := l.client.Get(ctx, l.path(key))
	if err != nil {
		return r, fmt.Errorf("read record %s: %w", key.Path(), err)
	}
	for _, kv := range response.Kvs {
		r.Value, r.Revision = present(kv.Value), kv.ModRevision
	}
	if err := l.decryptRecord(ctx, &r); err != nil {
		return r, fmt.Errorf("read record %s: %w", key.Path(), err)
	}
	return r, nil
}

// Limits on what one request of a load reads: records, and bytes of them. For each page etcd
// counts all keys that follow, so a million small records are read in few pages. Pages of
// large records hold fewer, to limit memory.
const (
	firstPage = 5000
	maxPage   = 100_000
	pageBytes = 16 << 20
)

// nextPage returns the number of records to read after a page of this many records and
// bytes.
func nextPage(records, bytes int) int64 {
	return int64(min(max(pageBytes/max(bytes/max(records, 1), 1), 1), maxPage))
}

// Load calls each for every record at the revision, in key order. It fails with
// ErrCompacted if the log no longer reaches back that far, with ErrUndecryptable at a record
// that cannot be decrypted, and with record.ErrNewer at one that a newer version wrote. It
// reads the next page of records while it calls each for the last one.
func (l *Log) Load(ctx context.Context, revision int64, each func(Record)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for p := range l.pages(ctx, revision) {
		if errors.Is(p.err, rpctypes.ErrCompacted) {
			return ErrCompacted
		}
		if p.err != nil {
			return fmt.Errorf("load records at revision %d: %w", revision, p.err)
		}
		for _, kv := range p.kvs {
			r := l.named(kv.Key, kv.ModRevision)
			r.Value = present(kv.Value)
			if err := l.decryptRecord(ctx, &r); err != nil {
				return fmt.Errorf("load records at revision %d: %w", revision, err)
			}
			each(r)
		}
		if p.last {
			return nil
		}
	}
	return fmt.Errorf("load records at revision %d: %w", revision, context.Cause(ctx))
}

type page struct {
	kvs  []*mvccpb.KeyValue
	last bool
	err  error
}

// pages reads all keys of the log at a revision, in order, one page ahead. It ends after
// the last page, after an error, or with the context.
func (l *Log) pages(ctx context.Context, revision int64) <-chan page {
	out := make(chan page)
	go func() {
		defer close(out)
		from, end := l.logPrefix(), clientv3.GetPrefixRangeEnd(l.logPrefix())
		size := int64(firstPage)
		for more := true; more; {
			response, err := l.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithRev(revision), clientv3.WithLimit(size))
			p := page{err: err}
			if err == nil {
				p.kvs, p.last = response.Kvs, !response.More
			}
			if more = err == nil && !p.last; more {
				from = string(p.kvs[len(p.kvs)-1].Key) + "\x00"
				size = nextPage(len(p.kvs), bytesOf(p.kvs))
			}
			select {
			case out <- p:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func bytesOf(kvs []*mvccpb.KeyValue) int {
	n := 0
	for _, kv := range kvs {
		n += len(kv.Key) + len(kv.Value)
	}
	return n
}
