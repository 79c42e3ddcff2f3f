// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// The errors of Commit after which it is certain that nothing was written.
var (
	// ErrTooLarge means that etcd refused a transaction for its size.
	ErrTooLarge = errors.New("the write is larger than etcd accepts")
	// ErrTooManyOps means that etcd refused a transaction for the number of records that
	// it compares and writes. It wraps ErrTooLarge.
	ErrTooManyOps = fmt.Errorf("%w: too many records for one transaction", ErrTooLarge)
	// ErrDenied means that etcd does not let this client write.
	ErrDenied = errors.New("etcd does not let Muster write")
	// ErrNoSpace means that etcd is full: its database has reached its quota. Reads and
	// deletions still work.
	ErrNoSpace = errors.New("etcd is full")
	// ErrRefused means that the transaction was refused before it could have been
	// written.
	ErrRefused = errors.New("the write was refused")
)

// outcome returns the result of Commit for a transaction that failed with err. etcd
// proposes a transaction to raft, and cannot withdraw it after that. A member that loses
// its leader, stops or gives up waiting (ErrLeaderChanged, ErrStopped, ErrTimeout...)
// answers "unavailable", and the transaction may still be written, even later. A broken
// connection says as little. Answers are definite only if they are given before the
// proposal, or by rules that all members apply alike:
//
//   - the request itself is wrong: InvalidArgument, which includes its size, and
//     Unimplemented; or it is too long to be sent;
//   - the client may not write: PermissionDenied, Unauthenticated, and etcd's errors about
//     users;
//   - etcd is in a wrong state: FailedPrecondition, NotFound, and DataLoss, which is the
//     alarm of a corrupt member;
//   - too many requests are in flight.
//
// "No space" is not always definite: see fullOrWritten.
func (l *Log) outcome(ctx context.Context, txn *Txn, puts map[record.Key][]byte, err error) (int64, bool, error) {
	if errors.Is(err, rpctypes.ErrNoSpace) {
		l.space.suspect()
		return l.fullOrWritten(ctx, txn, puts, err)
	}
	if definite := refusal(err); definite != nil {
		return 0, false, fmt.Errorf("%w: %w", definite, err)
	}
	return 0, false, fmt.Errorf("commit: %w", err)
}

// refusal returns the error above that etcd's answer to a transaction stands for. It
// returns nil if the answer leaves open whether the transaction was written.
func refusal(err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrRequestTooLarge), tooLongToSend(err):
		return ErrTooLarge
	case errors.Is(err, rpctypes.ErrTooManyOps):
		return ErrTooManyOps
	case errors.Is(err, rpctypes.ErrUserEmpty), errors.Is(err, rpctypes.ErrUserNotFound), errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrPermissionNotGranted):
		return ErrDenied
	case errors.Is(err, rpctypes.ErrTooManyRequests):
		return ErrRefused
	}
	switch codeOf(err) {
	case codes.PermissionDenied, codes.Unauthenticated:
		return ErrDenied
	case codes.InvalidArgument, codes.Unimplemented, codes.FailedPrecondition, codes.NotFound, codes.DataLoss:
		return ErrRefused
	}
	return nil
}

// tooLongToSend reports whether an error comes from the client, about a request that it has
// not sent. Only gRPC's text shows that: an answer that is too long has the same code.
func tooLongToSend(err error) bool {
	return codeOf(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "trying to send message larger than max")
}

// lookTimeout bounds the read that finds out whether a transaction was written.
const lookTimeout = 5 * time.Second

// fullOrWritten finds out what "no space" means. A member checks the quota before it
// proposes a transaction, and refuses. But a transaction that passes the check while the
// database fills up is written, and answered with the same error: all members must apply
// alike, also those with another quota (quotaApplierV3 of etcd). A record with a guarded
// revision shows whether the transaction was written, so this function reads one.
func (l *Log) fullOrWritten(ctx context.Context, txn *Txn, puts map[record.Key][]byte, full error) (int64, bool, error) {
	witness, untouched, ok := guarded(txn)
	if !ok {
		return 0, false, fmt.Errorf("commit: %w", full)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	response, err := l.client.Get(ctx, l.path(witness))
	if err != nil {
		return 0, false, fmt.Errorf("commit: %w; then look whether it was written: %w", full, err)
	}
	var now int64
	var stored []byte
	for _, kv := range response.Kvs {
		now, stored = kv.ModRevision, kv.Value
	}
	switch {
	case untouched(now):
		return 0, false, fmt.Errorf("%w: %w", ErrNoSpace, full)
	case now > 0 && puts[witness] != nil && bytes.Equal(stored, puts[witness]):
		return now, true, nil
	default: // another writer has written it, after this transaction or instead of it
		return 0, false, fmt.Errorf("commit: %w", full)
	}
}

// guarded returns a record that the transaction puts or deletes only if untouched accepts
// the record's revision. A record that was written, and is already deleted when it is
// read, counts as not written. That makes no difference.
func guarded(txn *Txn) (key record.Key, untouched func(now int64) bool, ok bool) {
	for key, at := range txn.Unchanged {
		if _, isPut := txn.Put[key]; isPut {
			return key, func(now int64) bool { return now == at }, true
		}
	}
	for key, at := range txn.NotAfter {
		if _, isPut := txn.Put[key]; isPut {
			return key, func(now int64) bool { return now <= at }, true
		}
	}
	for _, key := range txn.Delete {
		if at := txn.Unchanged[key]; at > 0 {
			return key, func(now int64) bool { return now == at }, true
		}
	}
	return record.Key{}, nil, false
}

// Passing reports whether an error of a read is likely to pass by itself, so that a retry
// makes sense.
func Passing(err error) bool {
	if errors.Is(err, ErrUndecryptable) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, rpctypes.ErrTooManyRequests) {
		return true
	}
	switch codeOf(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted:
		return true
	}
	return false
}

// codeOf returns the gRPC code of an error. etcd's own errors have a code, but not as
// gRPC's errors do.
func codeOf(err error) codes.Code {
	var own rpctypes.EtcdError
	if errors.As(err, &own) {
		return own.Code()
	}
	if s, ok := status.FromError(err); ok {
		return s.Code()
	}
	return codes.Unknown
}
