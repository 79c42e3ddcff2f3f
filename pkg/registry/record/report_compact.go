// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	_ "embed" // the dictionary
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A compact report consists of the form byte formCompact, the length of its values, the
// values (see pack), and its packed text. The text is a zstd frame without the four bytes
// that all frames begin with. The frame's header names the dictionary and the length of the
// text.

// isCompact reports whether a record is compact. JSON begins with a brace instead.
func isCompact(data []byte) bool { return len(data) > 0 && data[0] == formCompact }

// maxText is the largest length in bytes of the JSON of a compact report: as long as an
// uncompressed record could be. It bounds the memory that a record can cost a reader.
const maxText = 1536 << 10

var errTooLong = errors.New("it holds more than a report may")

// frameMagic begins every zstd frame.
const frameMagic = "\x28\xb5\x2f\xfd"

// dictionary1 is the dictionary that reports are written with: packed texts of reports, the
// most typical last. It is frozen: records that were written with it need it for ever. A
// better one gets another ID and another file, and this one remains for reading.
//
//go:embed report_1.dictionary
var dictionary1 []byte

const dictionaryID = 1

// codec returns the compressor of the process. It takes half a megabyte per processor, and
// is created for the first report. More than the least effort would make reports on many
// objects smaller by a seventh, for four times the time and ten times the memory.
var codec = sync.OnceValue(func() *reportCodec {
	c, err := newReportCodec(dictionary1, dictionaryID)
	if err != nil {
		panic(fmt.Sprintf("record: the dictionary of reports: %v", err))
	}
	return c
})

type reportCodec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newReportCodec(dictionary []byte, id uint32) (*reportCodec, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(id, dictionary), zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderDictRaw(id, dictionary),
		zstd.WithDecoderMaxMemory(maxText), zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, err
	}
	return &reportCodec{encoder, decoder}, nil
}

// compact returns a JSON text of at most maxText bytes as a record.
func compact(text []byte) []byte { return codec().compact(text) }

func (c *reportCodec) compact(text []byte) []byte {
	packed, values := pack(text)
	out := make([]byte, 0, 64+len(values)+len(packed)/4)
	out = append(out, formCompact)
	out = binary.AppendUvarint(out, uint64(len(values)))
	out = append(out, values...)
	at := len(out)
	out = c.encoder.EncodeAll(packed, out)
	return append(out[:at], out[at+len(frameMagic):]...)
}

// split splits a compact record into its values and its frame without the first four
// bytes. Together with reportCodec.text it is the inverse of compact.
func split(data []byte) (values, frame []byte, err error) {
	rest := data[1:]
	n, used := binary.Uvarint(rest)
	if used <= 0 || n > uint64(len(rest)-used) {
		return nil, nil, errPacked
	}
	return rest[used : used+int(n)], rest[used+int(n):], nil
}

type scratch struct{ values, frame, packed, text []byte }

var scratches = sync.Pool{New: func() any { return &scratch{} }}

// text returns the JSON that values and a frame stand for. The result is valid until s is
// used again.
func (c *reportCodec) text(s *scratch, values, frame []byte) ([]byte, error) {
	s.frame = append(append(s.frame[:0], frameMagic...), frame...)
	var header zstd.Header
	if err := header.Decode(s.frame); err != nil {
		return nil, fmt.Errorf("its frame is damaged: %w", err)
	}
	switch {
	case header.Skippable || !header.HasFCS:
		return nil, errors.New("its frame is damaged: it does not say how much it holds")
	case header.FrameContentSize > maxText:
		return nil, errTooLong
	}
	s.packed = slices.Grow(s.packed[:0], int(header.FrameContentSize))
	packed, err := c.decoder.DecodeAll(s.frame, s.packed)
	switch {
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return nil, fmt.Errorf("it was written with dictionary %d, which this version does not have: run a version that is not older than the one that wrote it", header.DictionaryID)
	case err != nil:
		return nil, fmt.Errorf("its frame is damaged: %w", err)
	}
	s.packed = packed
	text, err := unpack(s.text[:0], packed, values, maxText)
	if err == nil {
		s.text = text
	}
	return text, err
}
