// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A packed record is its form byte, the format of its JSON, and that as a zstd frame.
// Pins, promotions and bases repeat the values of a Bundle, often many times in one
// record, and packed they take a fraction.

const (
	// minPackedObject is how long the text of an object is that is packed: a person with
	// etcdctl can read all but the largest.
	minPackedObject = 64 << 10
	// minPacked is how long a text is that is worth it. What is shorter stays readable.
	minPacked = 1 << 10
	// maxPacked bounds what a packed record can make of a reader's memory.
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

// Pack returns the record that stands for a JSON text: the text itself, unless it is
// long and compression makes it shorter. Equal texts have equal records.
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

// PackObject is Pack for the text of an object record.
func PackObject(text []byte) []byte {
	if len(text) < minPackedObject {
		return text
	}
	return Pack(text)
}

// Text is the JSON text that a record stands for.
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
