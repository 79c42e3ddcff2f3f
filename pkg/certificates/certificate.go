// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// Certificate is a certificate, or a bundle of authorities, that the process uses.
type Certificate struct {
	// Name is its label in metrics, such as "serving".
	Name string
	// Where says where an operator finds it, such as "--tls-cert-file /tls.crt".
	Where string
	// Authorities reports whether it is a bundle of authorities. A bundle is of use until the
	// last of them expires, because it holds an old and a new one during a renewal. Any
	// other certificate is of use until the first of its chain expires.
	Authorities bool
	// Once reports whether the process reads it only once.
	Once bool
	// Read returns it as PEM. Empty content counts as not known yet.
	Read func() ([]byte, error)
}

// File returns the certificate in the file that a flag names.
func File(name, flag, path string) Certificate {
	return Certificate{Name: name, Where: flag + " " + path, Read: func() ([]byte, error) { return os.ReadFile(path) }}
}

// ErrInvalid means that a certificate is not valid now.
var ErrInvalid = errors.New("the certificate is not valid now")

// span is the time for which a certificate is of use.
type span struct{ begin, end time.Time }

func (c Certificate) parse(data []byte) (span, error) {
	var out span
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue // a key may be in the same file
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return span{}, err
		}
		switch first := out.end.IsZero(); {
		case first:
			out = span{one.NotBefore, one.NotAfter}
		case c.Authorities:
			out = span{earlier(out.begin, one.NotBefore), later(out.end, one.NotAfter)}
		default:
			out = span{later(out.begin, one.NotBefore), earlier(out.end, one.NotAfter)}
		}
	}
	if out.end.IsZero() {
		return span{}, errors.New("it holds no certificate")
	}
	return out, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// valid returns an error that wraps ErrInvalid if a certificate is not valid at a time.
func (s span) valid(now time.Time) error {
	switch {
	case now.After(s.end):
		return fmt.Errorf("%w: it expired at %s", ErrInvalid, s.end.Format(time.RFC3339))
	case now.Before(s.begin):
		return fmt.Errorf("%w: its time begins at %s, or the clock is wrong", ErrInvalid, s.begin.Format(time.RFC3339))
	}
	return nil
}

// Valid reads certificates, and returns an error that wraps ErrInvalid and names those that
// are not valid now. It ignores those that cannot be read.
func Valid(all ...Certificate) error {
	var errs []error
	for _, c := range all {
		data, err := c.Read()
		if err != nil {
			continue
		}
		if s, err := c.parse(data); err == nil {
			if err := s.valid(time.Now()); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", c.Where, err))
			}
		}
	}
	return errors.Join(errs...)
}
