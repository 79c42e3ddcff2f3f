// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// ErrTooLarge means that compressed bytes hold more than the caller allows.
var ErrTooLarge = errors.New("decompressed manifest is too large")

// Compress returns the gzip form that a Content carries. Readers compare only the
// uncompressed bytes (S 4.4). Still, the same input gives the same output: the header has
// no time and no name.
func Compress(manifest []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	// A write to a bytes.Buffer cannot fail, so these cannot fail either.
	if _, err := w.Write(manifest); err != nil {
		panic(fmt.Sprintf("manifest: gzip of %d bytes: %v", len(manifest), err))
	}
	if err := w.Close(); err != nil {
		panic(fmt.Sprintf("manifest: gzip of %d bytes: %v", len(manifest), err))
	}
	return buf.Bytes()
}

// A gzip header has its time at these offsets: seconds since 1970, little-endian, 0 for
// none.
const (
	timeAt  = 4
	timeEnd = 8
	header  = 10
)

// Stamp returns the output of Compress with a time in its header. Decompressing it gives
// the same bytes.
func Stamp(compressed []byte, at time.Time) []byte {
	stamped := bytes.Clone(compressed)
	if len(stamped) >= header {
		binary.LittleEndian.PutUint32(stamped[timeAt:timeEnd], uint32(max(at.Unix(), 0)))
	}
	return stamped
}

// Unstamp is the inverse of Stamp. The time is zero if the header has none.
func Unstamp(stamped []byte) (compressed []byte, at time.Time) {
	if len(stamped) < header {
		return stamped, time.Time{}
	}
	seconds := binary.LittleEndian.Uint32(stamped[timeAt:timeEnd])
	if seconds == 0 {
		return stamped, time.Time{}
	}
	compressed = bytes.Clone(stamped)
	clear(compressed[timeAt:timeEnd])
	return compressed, time.Unix(int64(seconds), 0).UTC()
}

// Decompress is the inverse of Compress, with or without a time in the header. It returns
// ErrTooLarge as soon as the output passes limit bytes, and never keeps more: a few
// kilobytes of gzip can stand for gigabytes.
func Decompress(compressed []byte, limit int64) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("manifest is not gzip: %w", err)
	}
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(r, limit+1))
	if n > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("manifest is damaged gzip: %w", err)
	}
	return buf.Bytes(), nil
}
