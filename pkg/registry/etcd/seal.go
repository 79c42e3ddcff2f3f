// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// ErrSealed means that a record is there and cannot be opened: the key that it
// was written with is not known, or whoever keeps the keys does not answer. It is
// never passed over: without it, objects would seem to be gone.
var ErrSealed = errors.New("a record cannot be decrypted")

// Sealer encrypts what is written, and decrypts what is read. path is the key in
// etcd. A Sealer that takes it for authenticated data does not open a value that was
// moved to another key: Kubernetes' aesgcm and kms v2 do, its secretbox and aescbc take
// no notice of it.
type Sealer interface {
	Seal(ctx context.Context, data, path []byte) ([]byte, error)
	// Open also tells whether the value is stale: not written with what Seal uses
	// at present, but with an older key, another provider or none.
	Open(ctx context.Context, data, path []byte) (plain []byte, stale bool, err error)
}

// Option is a choice about a log.
type Option func(*Log)

// SealedBy encrypts records at rest. by is asked with a resource, as an
// EncryptionConfiguration names it ("bundles.fleet.cattle.io", "secrets"), and
// returns nil for one that is stored plain. It is asked for each record, so it
// may change its answer while the log is in use; it must be cheap.
//
// Objects and reports follow their own resource. Pins, promotions, rollout records and
// content hold parts of Bundles, and follow Bundles. Mirrors of Secrets, and
// what is known of copies of Secrets, follow Secrets. Other mirrors,
// and guards, hold nothing to hide and are always plain. Keys in etcd, which hold
// names, and Bundles' manifest IDs are never hidden.
func SealedBy(by func(resource string) Sealer) Option {
	return func(l *Log) { l.sealedBy = by }
}

const (
	// apiGroup qualifies resources in an EncryptionConfiguration.
	apiGroup      = ".fleet.cattle.io"
	contentFollow = record.Bundles + apiGroup
	secrets       = "secrets"
)

// follows is the resource whose Sealer a record has, "" if none.
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

// sealer is what seals records that follow a resource; nil if nothing does.
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

// openRecord replaces a record's value as it stands in etcd by what it holds. It fails
// with ErrSealed, and with record.ErrNewer.
func (l *Log) openRecord(ctx context.Context, r *Record) error {
	if r.Err != nil || r.Value == nil {
		return nil // not ours, or gone
	}
	plain, _, err := l.open(ctx, follows(r.Key), l.path(r.Key), r.Value)
	if err != nil {
		return err
	}
	r.Value = present(plain)
	return record.CheckFormat(r.Key.Path(), r.Value)
}
