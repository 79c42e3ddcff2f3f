// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// contentBatch bounds the number of content records that one request reads. Each may have
// more than a megabyte.
const contentBatch = 32

// Contents reads content records. The result lacks the IDs that have none. It fails with
// ErrUndecryptable at a record that cannot be decrypted, and with record.ErrNewer at one
// that a newer version wrote.
func (l *Log) Contents(ctx context.Context, ids []string) (map[string][]byte, error) {
	out := make(map[string][]byte, len(ids))
	for len(ids) > 0 {
		batch := ids[:min(len(ids), contentBatch)]
		ids = ids[len(batch):]
		ops := make([]clientv3.Op, len(batch))
		for i, id := range batch {
			ops[i] = clientv3.OpGet(l.ContentPath(id))
		}
		response, err := l.patiently(ctx, ops)
		if err != nil {
			return nil, fmt.Errorf("read contents: %w", err)
		}
		for _, r := range response.Responses {
			for _, kv := range r.GetResponseRange().Kvs {
				content, err := l.decryptContent(ctx, kv)
				if err != nil {
					return nil, fmt.Errorf("read contents: %w", err)
				}
				out[content.ID] = content.Data
			}
		}
	}
	return out, nil
}

func (l *Log) decryptContent(ctx context.Context, kv *mvccpb.KeyValue) (Content, error) {
	id := strings.TrimPrefix(string(kv.Key), l.ContentPath(""))
	plain, _, err := l.decrypt(ctx, contentFollow, string(kv.Key), kv.Value)
	if err != nil {
		return Content{}, err
	}
	return Content{ID: id, Data: plain}, record.CheckFormat("content/"+id, plain)
}

const (
	// contentPatience bounds the time for which a read is retried. It is longer than etcd
	// takes to elect a leader, and no longer than a server remains ready without etcd.
	contentPatience = 5 * time.Second
	contentPause    = 50 * time.Millisecond
)

// patiently reads, and retries for contentPatience after an error that is likely to pass.
// The etcd client retries single reads, but not transactions. Without this, a watch whose
// Bundle cannot be rendered would end with an error, and its client would list everything
// again.
func (l *Log) patiently(ctx context.Context, reads []clientv3.Op) (*clientv3.TxnResponse, error) {
	limit := time.After(contentPatience)
	for {
		response, err := l.client.Txn(ctx).Then(reads...).Commit()
		if err == nil || !Passing(err) {
			return response, err
		}
		select {
		case <-time.After(contentPause):
		case <-limit:
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}

// StoredContent is a content record and the revision at which etcd stored it.
type StoredContent struct {
	Content
	Revision int64
}

// ListContents reads up to limit content records (0: all), beginning with the ID from, at a
// revision (0: the current one). It returns the revision of the answer, and the number of
// records that remain after these. It fails as Contents does, with ErrCompacted if etcd no
// longer holds the revision, and with ErrFuture if etcd has not reached it.
func (l *Log) ListContents(ctx context.Context, from string, limit, revision int64) (contents []StoredContent, at, remaining int64, err error) {
	end := clientv3.GetPrefixRangeEnd(l.ContentPath(""))
	response, err := l.client.Get(ctx, l.ContentPath(from), clientv3.WithRange(end), clientv3.WithLimit(limit), clientv3.WithRev(revision))
	if errors.Is(err, rpctypes.ErrCompacted) {
		return nil, 0, 0, ErrCompacted
	}
	if errors.Is(err, rpctypes.ErrFutureRev) {
		return nil, 0, 0, ErrFuture
	}
	if err != nil {
		return nil, 0, 0, fmt.Errorf("list contents: %w", err)
	}
	for _, kv := range response.Kvs {
		content, err := l.decryptContent(ctx, kv)
		if err != nil {
			return nil, 0, 0, fmt.Errorf("list contents: %w", err)
		}
		contents = append(contents, StoredContent{content, kv.ModRevision})
	}
	at = revision
	if at == 0 {
		at = response.Header.Revision
	}
	return contents, at, response.Count - int64(len(response.Kvs)), nil
}

// ContentIDs returns the IDs of all content records, without reading the contents.
func (l *Log) ContentIDs(ctx context.Context) ([]string, error) {
	prefix := l.ContentPath("")
	var ids []string
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for {
		response, err := l.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(firstPage), clientv3.WithKeysOnly())
		if err != nil {
			return nil, fmt.Errorf("list contents: %w", err)
		}
		for _, kv := range response.Kvs {
			ids = append(ids, strings.TrimPrefix(string(kv.Key), prefix))
		}
		if !response.More {
			return ids, nil
		}
		from = string(response.Kvs[len(response.Kvs)-1].Key) + "\x00"
	}
}
