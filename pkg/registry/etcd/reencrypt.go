// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Reencrypted counts what Reencrypt has done.
type Reencrypted struct {
	// Seen counts the records and contents that were read, in all passes.
	Seen int
	// Rewritten counts those that were stale and no longer are.
	Rewritten int
	// Contended counts those that another writer wrote meanwhile, so that the next pass
	// reads them again.
	Contended int
}

const (
	// reencryptPage is the largest number of records that one request reads and one
	// transaction writes. It is within groupSize.
	reencryptPage = groupSize
	// reencryptBytes is the most that one transaction writes, unless a single record is
	// larger.
	reencryptBytes = 512 << 10
	// reencryptPasses bounds the number of passes over all records. Another pass is needed
	// if something was written meanwhile.
	reencryptPasses = 10
)

// Reencrypt rewrites every stale record and content with the current key. This includes
// plain text that should be encrypted, and the reverse. It rewrites a record only if it
// has not changed since it was read. So it is safe while replicas run, if all of them already
// know the newest key. It can be stopped and started again at any time, and several may run
// at once. It calls progress after each page.
//
// A rewritten record has a new revision, so watchers get a MODIFIED with the same content.
// What is derived from it does not change, and is not sent. Old values, under the old key,
// remain in etcd's history until that is compacted, and in backups. The old key is needed
// until then.
func (l *Log) Reencrypt(ctx context.Context, progress func(Reencrypted)) (Reencrypted, error) {
	var done Reencrypted
	for range reencryptPasses {
		before := done.Contended
		for _, prefix := range []string{l.logPrefix(), l.ContentPath("")} {
			if err := l.reencryptBelow(ctx, prefix, &done, progress); err != nil {
				return done, err
			}
		}
		if done.Contended == before {
			return done, nil
		}
	}
	return done, fmt.Errorf("records are still being written with an older key (%d so far): give every replica the new --encryption-provider-config first, then try again", done.Contended)
}

func (l *Log) reencryptBelow(ctx context.Context, prefix string, done *Reencrypted, progress func(Reencrypted)) error {
	from, end := prefix, clientv3.GetPrefixRangeEnd(prefix)
	for {
		response, err := l.client.Get(ctx, from, clientv3.WithRange(end), clientv3.WithLimit(reencryptPage))
		if err != nil {
			return fmt.Errorf("read records to encrypt: %w", err)
		}
		if err := l.rewritePage(ctx, response.Kvs, done); err != nil {
			return err
		}
		progress(*done)
		if !response.More {
			return nil
		}
		from = string(response.Kvs[len(response.Kvs)-1].Key) + "\x00"
	}
}

func (l *Log) rewritePage(ctx context.Context, kvs []*mvccpb.KeyValue, done *Reencrypted) error {
	var ops []clientv3.Op
	size := 0
	for _, kv := range kvs {
		done.Seen++
		encrypted, err := l.reencrypted(ctx, kv)
		if err != nil {
			return err
		}
		if encrypted == nil {
			continue
		}
		if len(ops) > 0 && size+len(encrypted) > reencryptBytes {
			if err := l.rewrite(ctx, ops, done); err != nil {
				return err
			}
			ops, size = nil, 0
		}
		unchanged := clientv3.Compare(clientv3.ModRevision(string(kv.Key)), "=", kv.ModRevision)
		ops = append(ops, clientv3.OpTxn([]clientv3.Cmp{unchanged}, []clientv3.Op{clientv3.OpPut(string(kv.Key), string(encrypted))}, nil))
		size += len(encrypted)
	}
	if len(ops) == 0 {
		return nil
	}
	return l.rewrite(ctx, ops, done)
}

// reencrypted returns the value that should be stored, nil if it is stored already.
func (l *Log) reencrypted(ctx context.Context, kv *mvccpb.KeyValue) ([]byte, error) {
	path, follow := string(kv.Key), contentFollow
	if strings.HasPrefix(path, l.logPrefix()) {
		key, err := l.parse(kv.Key)
		if err != nil {
			return nil, nil // not Muster's
		}
		follow = follows(key)
	}
	plain, stale, err := l.decrypt(ctx, follow, path, kv.Value)
	if err != nil || !stale {
		return nil, err
	}
	return l.encrypt(ctx, follow, path, plain)
}

func (l *Log) rewrite(ctx context.Context, ops []clientv3.Op, done *Reencrypted) error {
	response, err := l.client.Txn(ctx).Then(ops...).Commit()
	if err != nil {
		return fmt.Errorf("rewrite %d records: %w", len(ops), err)
	}
	for _, each := range response.Responses {
		if each.GetResponseTxn().GetSucceeded() {
			done.Rewritten++
		} else {
			done.Contended++
		}
	}
	return nil
}
