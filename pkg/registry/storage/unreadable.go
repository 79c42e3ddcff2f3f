// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"

	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// deleteUnreadable deletes an object whose record cannot be read, and fails for any other
// object. A client asks for it with ignoreStoreReadErrorWithClusterBreakingPotential, which
// ignores finalizers, preconditions and admission. The record in etcd decides, not the
// view, which still shows the last meaning of the record.
//
// A record that cannot be decrypted is not deleted, because its key may come back.
func (s *Store) deleteUnreadable(ctx context.Context, name record.Name, key string, validate storage.ValidateObjectFunc) error {
	for range maxAttempts {
		if _, err := s.barrier(ctx); err != nil {
			return err
		}
		stored, err := s.log.Get(ctx, record.ObjectKey(s.resource.Resource, name))
		if err != nil {
			return s.apiError(err)
		}
		if stored.Value == nil {
			return storage.NewKeyNotFoundError(key, 0)
		}
		readable, err := s.readable(ctx, &stored)
		if err != nil {
			return s.apiError(err)
		}
		if readable {
			return storage.NewInvalidObjError(key, "the object is decodable: delete it without ignoreStoreReadErrorWithClusterBreakingPotential")
		}
		nothing, err := record.New(s.resource.Resource)
		if err != nil {
			return err
		}
		// A dry run ends here, with its own error.
		if err := validate(ctx, nothing); err != nil {
			return err
		}
		w := &write{Txn: etcd.Txn{
			Unchanged: map[record.Key]int64{stored.Key: stored.Revision},
			NotAfter:  map[record.Key]int64{},
			Put:       map[record.Key][]byte{},
			Delete:    s.recordsOf(name),
		}}
		revision, done, err := s.commit(ctx, name, w)
		if err != nil {
			return err
		}
		if done {
			_, err := s.waitForWritten(ctx, revision)
			return s.writtenError(name, revision, err)
		}
	}
	return s.contended(name)
}

// readable reports whether a record can be decoded, and its content read. It returns an
// error if that is unknown.
func (s *Store) readable(ctx context.Context, stored *etcd.Record) (bool, error) {
	decoded, err := record.DecodeObject(s.resource.Resource, stored.Value)
	if err != nil {
		return false, nil //nolint:nilerr // an undecodable record is the answer
	}
	if decoded.Resources == 0 {
		return true, nil
	}
	if _, cached := s.contents.get(decoded.Content); cached {
		return true, nil
	}
	contents, err := s.log.Contents(ctx, []string{decoded.Content})
	if err != nil {
		return false, err
	}
	_, err = decodeContent(contents[decoded.Content])
	return err == nil, nil
}

// recordsOf returns the keys of all records that a deletion of an object removes, decodable
// or not. The plan of a deletion has only the decodable ones.
func (s *Store) recordsOf(name record.Name) []record.Key {
	out := []record.Key{record.ObjectKey(s.resource.Resource, name), record.ReportKey(s.resource.Resource, name)}
	switch s.resource.Resource {
	case record.Bundles:
		out = append(out, record.BundlePinKey(name), record.RolloutKey(name))
	case record.Clusters:
		out = append(out, record.ClusterPinsKey(name))
	}
	return out
}
