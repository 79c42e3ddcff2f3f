// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// contentBatch bounds how many content records one request reads: each may be
// over a megabyte.
const contentBatch = 32

// Contents reads content records. IDs that are not there are absent from the
// answer. It fails with ErrUndecryptable at a record that cannot be decrypted, and with
// record.ErrNewer at one that a newer version wrote.
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
		for i, r := range response.Responses {
			for _, kv := range r.GetResponseRange().Kvs {
				plain, _, err := l.decrypt(ctx, contentFollow, string(kv.Key), kv.Value)
				if err != nil {
					return nil, fmt.Errorf("read contents: %w", err)
				}
				if err := record.CheckFormat("content/"+batch[i], plain); err != nil {
					return nil, fmt.Errorf("read contents: %w", err)
				}
				out[batch[i]] = plain
			}
		}
	}
	return out, nil
}

const (
	// contentPatience is how long a read is tried again: longer than etcd takes to
	// elect a leader, and no longer than a server is ready without etcd.
	contentPatience = 5 * time.Second
	contentPause    = 50 * time.Millisecond
)

// patiently reads, and tries again for a while if what failed is likely to pass.
// The client does that with single reads, not with transactions. A watch whose
// Bundle cannot be rendered ends with an error, after which clients list all again.
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

// StoredContent is a content record as it stands in etcd.
type StoredContent struct {
	Content
	Revision int64
}

// ListContents reads up to limit content records (0: all) from the ID on, at a
// revision (0: the present). It returns the revision of the answer, and how
// many records follow. It fails with ErrCompacted if the revision is no longer
// held, with ErrFuture if it has not been reached, and with ErrUndecryptable at a record that cannot be decrypted.
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
		plain, _, err := l.decrypt(ctx, contentFollow, string(kv.Key), kv.Value)
		if err != nil {
			return nil, 0, 0, fmt.Errorf("list contents: %w", err)
		}
		id := strings.TrimPrefix(string(kv.Key), l.ContentPath(""))
		if err := record.CheckFormat("content/"+id, plain); err != nil {
			return nil, 0, 0, fmt.Errorf("list contents: %w", err)
		}
		contents = append(contents, StoredContent{Content{ID: id, Data: plain}, kv.ModRevision})
	}
	at = revision
	if at == 0 {
		at = response.Header.Revision
	}
	return contents, at, response.Count - int64(len(response.Kvs)), nil
}

// ContentIDs lists the IDs of all content records, without reading them.
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
