// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// ErrSealed means that a record exists and cannot be decrypted: the key that it was
// written with is unknown, or the KMS does not answer. No reader passes over such a record:
// without it, objects would seem to be gone.
var ErrSealed = errors.New("a record cannot be decrypted")

// Sealer encrypts values that are written, and decrypts values that are read. path is the
// key in etcd. A Sealer that uses it as authenticated data does not open a value that was
// moved to another key. Kubernetes' aesgcm and kms v2 do that; its secretbox and aescbc
// ignore the path.
type Sealer interface {
	Seal(ctx context.Context, data, path []byte) ([]byte, error)
	// Open also reports whether the value is stale: written with an older key, another
	// provider or none, and not with what Seal uses at present.
	Open(ctx context.Context, data, path []byte) (plain []byte, stale bool, err error)
}

// Option configures a log.
type Option func(*Log)

// SealedBy returns an option that encrypts records at rest. by gets a resource as an
// EncryptionConfiguration names it ("bundles.fleet.cattle.io", "secrets"), and returns nil
// for one that is stored as plain text. The log calls by for each record, so its answer may
// change while the log is in use; it must be cheap.
//
// Objects and reports follow their own resource. Pins, promotions, rollout records and
// content hold parts of Bundles, and follow Bundles. Mirrors of Secrets, and records of
// copies of Secrets, follow Secrets. Other mirrors, and guards, hold nothing secret and are
// always plain text. Keys in etcd, which hold names, and the IDs of manifests are never
// encrypted.
func SealedBy(by func(resource string) Sealer) Option {
	return func(l *Log) { l.sealedBy = by }
}

const (
	// apiGroup qualifies resources in an EncryptionConfiguration.
	apiGroup      = ".fleet.cattle.io"
	contentFollow = record.Bundles + apiGroup
	secrets       = "secrets"
)

// follows returns the resource whose Sealer encrypts a record, "" if none does.
func follows(key record.Key) string {
	switch key.Type {
	case record.TypeObject, record.TypeReport:
		return key.Resource + apiGroup
	case record.TypePin, record.TypePromotion, record.TypeRollout:
		return contentFollow
	case record.TypeMirror:
		if key.Resource == secrets || key.Resource == record.Downstreams {
			return secrets
		}
	}
	return ""
}

// sealer returns the Sealer of records that follow a resource, nil if they have none.
func (l *Log) sealer(follows string) Sealer {
	if l.sealedBy == nil || follows == "" {
		return nil
	}
	return l.sealedBy(follows)
}

func (l *Log) seal(ctx context.Context, follows, path string, data []byte) ([]byte, error) {
	s := l.sealer(follows)
	if s == nil {
		return data, nil
	}
	sealed, err := s.Seal(ctx, data, []byte(path))
	if err != nil {
		return nil, fmt.Errorf("encrypt %s, as --encryption-provider-config says for %s: %w", path, follows, err)
	}
	return sealed, nil
}

func (l *Log) open(ctx context.Context, follows, path string, data []byte) (plain []byte, stale bool, err error) {
	s := l.sealer(follows)
	if s == nil {
		return data, false, nil
	}
	plain, stale, err = s.Open(ctx, data, []byte(path))
	if err != nil {
		return nil, false, fmt.Errorf("%w: %s: %w; see that --encryption-provider-config has, under %s, the key that it was written with, and that its KMS answers", ErrSealed, path, err, follows)
	}
	return plain, stale, nil
}

// openRecord replaces a record's value, as etcd stores it, by the decrypted one. It fails
// with ErrSealed, and with record.ErrNewer.
func (l *Log) openRecord(ctx context.Context, r *Record) error {
	if r.Err != nil || r.Value == nil {
		return nil // not Muster's, or deleted
	}
	plain, _, err := l.open(ctx, follows(r.Key), l.path(r.Key), r.Value)
	if err != nil {
		return err
	}
	r.Value = present(plain)
	return record.CheckFormat(r.Key.Path(), r.Value)
}
