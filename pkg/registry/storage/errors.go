// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// This file is the one place that turns errors into API errors. Its rule: a server that is
// not sure never answers "not found".

var errBlocked = errors.New("the view did not catch up in time")

// errUnsure says that unreadable records leave it unknown which objects exist.
var errUnsure = errors.New("records that decide which objects exist could not be read when this server started: " +
	"its log names each (\"cannot be decoded\"). Restore them, or delete those that are not needed")

const retryAfterSeconds = 1

func (s *Store) apiError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, engine.ErrNotReady):
		return apierrors.NewTooManyRequests(fmt.Sprintf("this replica of Muster cannot give right answers now: %v; try again, another replica may answer", err), retryAfterSeconds)
	case errors.Is(err, view.ErrCompacted), errors.Is(err, etcd.ErrCompacted):
		return apierrors.NewResourceExpired("The provided resource version is too old: list again and watch from the new resourceVersion.")
	case errors.Is(err, view.ErrFuture):
		return s.tooLarge(0, err)
	case errors.Is(err, errBlocked), errors.Is(err, context.DeadlineExceeded):
		return apierrors.NewTimeoutError(fmt.Sprintf("%s: the store did not answer in time: %v", s.resource, err), retryAfterSeconds)
	case errors.Is(err, context.Canceled):
		return err
	}
	if storage.IsInvalidError(err) {
		return apierrors.NewBadRequest(err.Error())
	}
	var status apierrors.APIStatus
	var stored *storage.StorageError
	var internal storage.InternalError
	if errors.As(err, &status) || errors.As(err, &stored) || errors.As(err, &internal) {
		return err
	}
	unavailable := apierrors.NewServiceUnavailable(fmt.Sprintf("%s: the store is not available: %v", s.resource, err))
	// Soon after etcd was replaced, the replica is no longer ready and the gate answers.
	if etcd.Passing(err) || errors.Is(err, etcd.ErrReplaced) || errors.Is(err, errUnsure) {
		unavailable.ErrStatus.Details = &metav1.StatusDetails{Group: s.resource.Group, Kind: s.resource.Resource, RetryAfterSeconds: retryAfterSeconds}
	}
	return unavailable
}

// client-go repeats any request whose answer has a Retry-After, with any verb. So the answer
// to a write has one only if nothing can have been written: a client that repeats a create
// which succeeded gets "already exists".

// commitError returns the API error for a failed transaction of size bytes. It says that
// the outcome is unknown only if it is.
func (s *Store) commitError(name record.Name, size int, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, etcd.ErrTooManyOps):
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("%s %q was not written: etcd accepts fewer operations in one transaction than it does by default: "+
			"set --max-txn-ops of etcd to no less than its default, 128", s.resource.Resource, name.Name))
	case errors.Is(err, etcd.ErrTooLarge) && size > etcd.MaxSize:
		return s.writer.tooLarge(name.Name, size)
	case errors.Is(err, etcd.ErrTooLarge):
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("%s %q was not written: it takes a request of about %d bytes, and etcd accepts less: "+
			"set --max-request-bytes of etcd to no less than its default, 1.5 MiB", s.resource.Resource, name.Name, size))
	case errors.Is(err, etcd.ErrDenied):
		return apierrors.NewServiceUnavailable(fmt.Sprintf("%s %q was not written: %v: check that --etcd-certfile names a user of etcd, and that etcd lets that user read and write below --etcd-prefix",
			s.resource.Resource, name.Name, err))
	case errors.Is(err, etcd.ErrNoSpace):
		return apierrors.NewServiceUnavailable(fmt.Sprintf("%s %q was not written: etcd is full: its database has reached its quota. Reads still work, and so do deletions that write nothing. To make room: compact etcd, defragment each member "+
			"(etcdctl defrag) and disarm the alarm (etcdctl alarm disarm); or raise --quota-backend-bytes of etcd and disarm the alarm", s.resource.Resource, name.Name))
	case errors.Is(err, etcd.ErrRefused):
		refused := apierrors.NewServiceUnavailable(fmt.Sprintf("%s %q was not written: %v", s.resource.Resource, name.Name, err))
		refused.ErrStatus.Details = &metav1.StatusDetails{Name: name.Name, Group: s.resource.Group, Kind: s.resource.Resource, RetryAfterSeconds: retryAfterSeconds}
		return refused
	case errors.Is(err, context.Canceled):
		return err // the client is gone
	}
	return apierrors.NewTimeoutError(fmt.Sprintf("%s %q: it is unknown whether it was written, because the store did not answer (%v): read it before trying again", s.resource.Resource, name.Name, err), 0)
}

// writtenError returns the API error for what failed after a write was committed.
func (s *Store) writtenError(name record.Name, revision int64, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return apierrors.NewTimeoutError(fmt.Sprintf("%s %q was written, at resourceVersion %d, but the result cannot be shown yet (%v): read it instead of writing it again", s.resource.Resource, name.Name, s.numberAt(revision), err), 0)
}

// tooLarge returns the API error for a version that this replica has not reached.
func (s *Store) tooLarge(version view.Version, err error) error {
	if !errors.Is(err, errBlocked) && !errors.Is(err, view.ErrFuture) {
		return s.apiError(err)
	}
	var current uint64
	if v, err := s.engine.Current(); err == nil {
		current = s.numberAt(v.Revision)
	}
	return storage.NewTooLargeResourceVersionError(s.number(version), current, retryAfterSeconds)
}

// WithinRevision returns the API error for a list at exactly a place within a revision.
// whole is the resourceVersion of the state after that revision.
func WithinRevision(exact, whole uint64) error {
	return apierrors.NewResourceExpired(fmt.Sprintf("resourceVersion %d is a place within a revision, and only the states after whole revisions are kept: "+
		"list at exactly %d, or without resourceVersionMatch=Exact", exact, whole))
}

// expiredContinue returns the API error for a list whose next page is no longer in the
// history. It carries a token that continues from the current state.
func (s *Store) expiredContinue(at scope, startKey string) error {
	err := apierrors.NewResourceExpired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, " +
		"or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list: " +
		"objects that were created, modified or deleted since the first page may show up or be missing.")
	if token, encodeErr := storage.EncodeContinue(startKey, at.key, -1); encodeErr == nil {
		err.ErrStatus.Continue = token
	}
	return err
}

// contended returns the API error for a write that was planned anew too often, and not
// written. It is no conflict: the record that it would overwrite did not change, so the
// client has nothing to merge, and clients retry by themselves. A record that cannot be
// decoded has the same effect, because it is not what the view shows.
func (s *Store) contended(name record.Name) error {
	return apierrors.NewTooManyRequests(fmt.Sprintf("%s %q was not written: other writes kept changing the records that it depends on, or its own record (%s) cannot be read: "+
		"try again, and if that does not help, look for that key in the server's log; a deletion with ignoreStoreReadErrorWithClusterBreakingPotential removes a record that cannot be restored", s.resource.Resource, name.Name, record.ObjectKey(s.resource.Resource, name).Path()), retryAfterSeconds)
}

// ContentsPrefix is the prefix of the keys in continue tokens of Contents.
const ContentsPrefix = "/contents/"

// ContentsError returns the API error for a failed read of content records. from is where a
// list would have continued, "" at its start.
func ContentsError(err error, from string) error {
	s := &Store{resource: v1alpha1.Resource("contents")}
	if errors.Is(err, etcd.ErrCompacted) && from != "" {
		return s.expiredContinue(scope{key: ContentsPrefix}, ContentsPrefix+from)
	}
	if errors.Is(err, etcd.ErrFuture) {
		return apierrors.NewBadRequest("the continue parameter names a revision that has not been reached: list again without it")
	}
	return s.apiError(err)
}
