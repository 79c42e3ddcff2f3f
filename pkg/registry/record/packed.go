// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A packed record consists of its form byte, the format of its JSON, and the JSON as a zstd
// frame. Pins, promotions and bases repeat the values of a Bundle, often many times in one
// record, and shrink to a fraction when they are packed.

const (
	// minPackedObject is the length in bytes from which an object's text is packed. An
	// operator can read all but the largest with etcdctl.
	minPackedObject = 64 << 10
	// minPacked is the length in bytes from which packing is worth it. Shorter texts stay
	// readable.
	minPacked = 1 << 10
	// maxPacked bounds the bytes of memory that a packed record can cost a reader.
	maxPacked = 64 << 20
)

var errPackedTooLong = errors.New("it holds more than a packed record may")

var packer = sync.OnceValue(func() *zstd.Encoder {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false),
		zstd.WithAllLitEntropyCompression(true), // base64 has no matches, and a quarter to save
		zstd.WithLowerEncoderMem(true), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(fmt.Sprintf("record: the encoder of packed records: %v", err))
	}
	return encoder
})

var unpacker = sync.OnceValue(func() *zstd.Decoder {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxPacked), zstd.WithDecoderConcurrency(1))
	if err != nil {
		panic(fmt.Sprintf("record: the decoder of packed records: %v", err))
	}
	return decoder
})

// Pack returns the record of a JSON text. This is the text itself, unless it is long and
// compression makes it shorter. Equal texts have equal records.
func Pack(text []byte) []byte {
	if len(text) < minPacked || len(text) > maxPacked {
		return text
	}
	out := append(make([]byte, 0, len(text)/4), formPacked, Format)
	out = packer().EncodeAll(text, out)
	if len(out) >= len(text) {
		return text
	}
	return out
}

// PackObject does what Pack does, for the text of an object record.
func PackObject(text []byte) []byte {
	if len(text) < minPackedObject {
		return text
	}
	return Pack(text)
}

// Text returns the JSON text of a record. It is the inverse of Pack.
func Text(data []byte) ([]byte, error) {
	if len(data) < 2 || data[0] != formPacked {
		return data, nil
	}
	frame := data[2:]
	var header zstd.Header
	if err := header.Decode(frame); err != nil {
		return nil, fmt.Errorf("its frame is damaged: %w", err)
	}
	if header.HasFCS && header.FrameContentSize > maxPacked {
		return nil, errPackedTooLong
	}
	text, err := unpacker().DecodeAll(frame, nil)
	if err != nil {
		return nil, fmt.Errorf("its frame is damaged: %w", err)
	}
	return text, nil
}
