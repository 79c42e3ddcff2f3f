// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// ErrUndecryptable means that a record exists and cannot be decrypted: the key that it
// was written with is not known, or the KMS does not answer. Such a record is never passed
// over: without it, objects would seem to be gone.
var ErrUndecryptable = errors.New("a record cannot be decrypted")

// Encryption encrypts records as they are written, and decrypts them as they are read.
// path is the key in etcd. An Encryption that authenticates the path does not decrypt a
// value that was moved to another key: Kubernetes' aesgcm and kms v2 do so, its secretbox
// and aescbc ignore the path.
type Encryption interface {
	Encrypt(ctx context.Context, data, path []byte) ([]byte, error)
	// Decrypt also reports whether the value is stale: written with an older key, another
	// provider or none, and not with what Encrypt uses now.
	Decrypt(ctx context.Context, data, path []byte) (plain []byte, stale bool, err error)
}

// Option sets an option of a log.
type Option func(*Log)

// EncryptedBy encrypts records at rest. by gets a resource, as an EncryptionConfiguration
// names it ("bundles.fleet.cattle.io", "secrets"), and returns nil if it is stored plain. by
// is called for each record, so it may change its answer at any time, and must be cheap.
//
// Objects and reports follow their own resource. Pins, promotions, rollout records and
// contents hold parts of Bundles, and follow Bundles. Mirrors of Secrets, and records of
// copies of Secrets, follow Secrets. Other mirrors and guards hold nothing to hide and are
// always plain. Keys in etcd, which hold names, and Bundles' manifest IDs are never hidden.
func EncryptedBy(by func(resource string) Encryption) Option {
	return func(l *Log) { l.encryptedBy = by }
}

const (
	// apiGroup qualifies resources in an EncryptionConfiguration.
	apiGroup      = ".fleet.cattle.io"
	contentFollow = record.Bundles + apiGroup
	secrets       = "secrets"
)

// follows returns the resource whose Encryption a record has, "" if none.
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

// encryption returns the Encryption of records that follow a resource, nil if they are plain.
func (l *Log) encryption(follows string) Encryption {
	if l.encryptedBy == nil || follows == "" {
		return nil
	}
	return l.encryptedBy(follows)
}

func (l *Log) encrypt(ctx context.Context, follows, path string, data []byte) ([]byte, error) {
	s := l.encryption(follows)
	if s == nil {
		return data, nil
	}
	encrypted, err := s.Encrypt(ctx, data, []byte(path))
	if err != nil {
		return nil, fmt.Errorf("encrypt %s, as --encryption-provider-config says for %s: %w", path, follows, err)
	}
	return encrypted, nil
}

func (l *Log) decrypt(ctx context.Context, follows, path string, data []byte) (plain []byte, stale bool, err error) {
	s := l.encryption(follows)
	if s == nil {
		return data, false, nil
	}
	plain, stale, err = s.Decrypt(ctx, data, []byte(path))
	if err != nil {
		return nil, false, fmt.Errorf("%w: %s: %w; see that --encryption-provider-config has, under %s, the key that it was written with, and that its KMS answers", ErrUndecryptable, path, err, follows)
	}
	return plain, stale, nil
}

// decryptRecord replaces a record's value in etcd by its plain value. It fails with
// ErrUndecryptable, and with record.ErrNewer.
func (l *Log) decryptRecord(ctx context.Context, r *Record) error {
	if r.Err != nil || r.Value == nil {
		return nil // not ours, or gone
	}
	plain, _, err := l.decrypt(ctx, follows(r.Key), l.path(r.Key), r.Value)
	if err != nil {
		return err
	}
	r.Value = present(plain)
	return record.CheckFormat(r.Key.Path(), r.Value)
}
