// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// Content is a content record: a compressed manifest and its ID.
type Content struct {
	ID   string
	Data []byte
}

// Txn is a guarded transaction: if every guard holds, all of it is written, at one revision.
type Txn struct {
	// Unchanged holds records that must still be at the given revision; 0 means that the
	// record must not exist.
	Unchanged map[record.Key]int64
	// UnchangedSince guards whole ranges: no record below one of these prefixes may have
	// been written after the revision.
	UnchangedSince []RangeGuard
	// NotAfter holds records that must not have been written after the given revision. It
	// does not detect a deletion.
	NotAfter map[record.Key]int64
	// HasContent holds IDs of contents that must exist.
	HasContent []string
	Put        map[record.Key][]byte
	Delete     []record.Key
	// Content is written unless it already exists.
	Content []Content
	// DeleteContent holds IDs of contents that nothing refers to.
	DeleteContent []string
}

// Size returns roughly the bytes that the transaction takes in a request.
func (t *Txn) Size() int {
	n := len(t.Delete) * KeySize
	for _, value := range t.Put {
		n += len(value) + KeySize
	}
	for _, content := range t.Content {
		n += len(content.Data) + KeySize
	}
	return n
}

const (
	// MaxSize is the largest Size of a transaction in bytes: etcd's default for a request,
	// less the room for guards and framing.
	MaxSize = 1536<<10 - 16<<10
	// KeySize is an estimate of the bytes that a key takes, with its framing. Few keys take
	// more.
	KeySize = 200
)

// commitTimeout bounds one transaction. A member itself gives up some 7 s after it lost its
// leader; a caller that waits longer is waiting for a connection.
const commitTimeout = 10 * time.Second

// Commit writes the transaction if its guards hold. It returns the revision of the write,
// or false if a guard did not hold. After ErrTooLarge, ErrTooManyOps, ErrNoSpace, ErrDenied
// and ErrRefused nothing was written. After any other error it is unknown whether anything
// was.
func (l *Log) Commit(ctx context.Context, txn Txn) (revision int64, ok bool, err error) {
	p, err := l.prepare(ctx, &txn)
	if err != nil {
		return 0, false, err
	}
	return l.send(ctx, p)
}

// send commits a transaction that is not part of a group.
func (l *Log) send(ctx context.Context, p *prepared) (revision int64, ok bool, err error) {
	// Without a member to send to, the client would wait as long as ctx lets it.
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	revision, ok, err = l.transact(ctx, p)
	if errors.Is(err, rpctypes.ErrNoSpace) && p.onlyDeletes != nil {
		revision, ok, err = l.transact(ctx, p.onlyDeletes)
	}
	if err != nil {
		return l.outcome(ctx, p.txn, p.puts, err)
	}
	return revision, ok, nil
}

// transact commits a transaction, and returns etcd's error as it is.
func (l *Log) transact(ctx context.Context, p *prepared) (revision int64, ok bool, err error) {
	response, err := l.client.Txn(ctx).If(p.guards...).Then(nest(p.ops)...).Commit()
	if err != nil {
		return 0, false, err
	}
	return response.Header.Revision, response.Succeeded, nil
}

func (l *Log) guards(txn *Txn) []clientv3.Cmp {
	var guards []clientv3.Cmp
	for key, revision := range txn.Unchanged {
		guards = append(guards, clientv3.Compare(clientv3.ModRevision(l.path(key)), "=", revision))
	}
	for key, revision := range txn.NotAfter {
		guards = append(guards, clientv3.Compare(clientv3.ModRevision(l.path(key)), "<", revision+1))
	}
	for _, id := range txn.HasContent {
		guards = append(guards, clientv3.Compare(clientv3.CreateRevision(l.ContentPath(id)), ">", 0))
	}
	for _, guard := range txn.UnchangedSince {
		guards = append(guards, clientv3.Compare(clientv3.ModRevision(l.logPrefix()+guard.Prefix()), "<", guard.Revision+1).WithPrefix())
	}
	for key, revision := range removalGuards(txn.UnchangedSince) {
		guards = append(guards, clientv3.Compare(clientv3.ModRevision(l.path(key)), "<", revision+1))
	}
	return guards
}

// ops returns the operations of the transaction, and the values of its records as etcd is
// to store them.
func (l *Log) ops(ctx context.Context, txn *Txn) (ops []clientv3.Op, puts map[record.Key][]byte, err error) {
	puts = make(map[record.Key][]byte, len(txn.Put))
	for key, value := range txn.Put {
		path := l.path(key)
		if puts[key], err = l.encrypt(ctx, follows(key), path, record.Stamp(value)); err != nil {
			return nil, nil, err
		}
		ops = append(ops, clientv3.OpPut(path, string(puts[key])))
	}
	for _, key := range txn.Delete {
		ops = append(ops, clientv3.OpDelete(l.path(key)))
	}
	for _, id := range txn.DeleteContent {
		ops = append(ops, clientv3.OpDelete(l.ContentPath(id)))
	}
	for _, content := range txn.Content {
		path := l.ContentPath(content.ID)
		encrypted, err := l.encrypt(ctx, contentFollow, path, content.Data)
		if err != nil {
			return nil, nil, err
		}
		// The ID of content is derived from it, so writing it twice would be harmless,
		// but would send megabytes through raft for nothing.
		absent := clientv3.Compare(clientv3.CreateRevision(path), "=", 0)
		ops = append(ops, clientv3.OpTxn([]clientv3.Cmp{absent}, []clientv3.Op{clientv3.OpPut(path, string(encrypted))}, nil))
	}
	return ops, puts, nil
}

// groupSize is the number of operations on one level of a transaction. etcd allows 128 by
// default, and counts nested operations against the rest of that.
const groupSize = 40

// nest puts operations into nested transactions if they are too many for one level. The
// result is still one transaction, at one revision. Two levels hold 1,600 operations, and
// three hold 64,000, more than fit in a request.
func nest(ops []clientv3.Op) []clientv3.Op {
	for len(ops) > groupSize {
		var groups []clientv3.Op
		for group := range slices.Chunk(ops, groupSize) {
			groups = append(groups, clientv3.OpTxn(nil, group, nil))
		}
		ops = groups
	}
	return ops
}

const (
	// MaxGuards is the number of guards that a transaction of up to 1,600 operations can
	// have. etcd counts guards like operations, and nested operations against the rest.
	MaxGuards = 128 - groupSize
	// FewGuards is the number of guards that any transaction can have. A transaction that
	// needs more guards ranges instead.
	FewGuards = MaxGuards - groupSize
)
