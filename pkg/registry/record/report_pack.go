// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// A dictionary cannot foresee the IDs and times in a report, and they do not compress. So
// they are moved out of the text, as bytes, and a mark replaces each. The rest is almost
// the same in all reports.
//
//	text    {"uid":"d2719cf4-5cbe-...","lastUpdateTime":"2026-11-23T19:00:00Z"}
//	packed  {"uid":"␁","lastUpdateTime":"␃"}
//	values  d2719cf45cbe... (16 bytes), seconds since the previous time (1 to 5 bytes)
//
// JSON contains no control characters except as escapes, so a mark is unambiguous.
const (
	markUUID = 0x01
	markHex  = 0x02 // followed by the number of digits
	markTime = 0x03
)

const (
	uuidLength = 36
	// minDigits is the number of hex digits from which a mark and a length are worth it.
	minDigits, maxDigits = 16, 255
	timeLength           = len("2006-01-02T15:04:05Z")
)

// pack splits a JSON text without blanks into the text that reports share and the values
// that differ.
func pack(text []byte) (packed, values []byte) {
	packed = make([]byte, 0, len(text))
	last := epoch
	for i := 0; i < len(text); {
		c := text[i]
		if !isDigit(c) {
			packed = append(packed, c)
			i++
			continue
		}
		rest := text[i:]
		digits := 1
		for digits < len(rest) && digits < maxDigits && isDigit(rest[digits]) {
			digits++
		}
		switch {
		case digits == 8 && isUUID(rest):
			packed = append(packed, markUUID)
			for _, part := range uuidParts {
				values = appendDigits(values, rest[part[0]:part[1]])
			}
			i += uuidLength
		case digits == 4 && isTime(rest):
			if seconds, ok := parseTime(rest[:timeLength]); ok {
				packed = append(packed, markTime)
				values = binary.AppendVarint(values, seconds-last)
				last = seconds
				i += timeLength
				break
			}
			fallthrough
		case digits < minDigits:
			packed = append(packed, rest[:digits]...)
			i += digits
		default:
			packed = append(packed, markHex, byte(digits))
			values = appendDigits(values, rest[:digits])
			i += digits
		}
	}
	return packed, values
}

var errPacked = errors.New("its text and its values do not fit together")

// unpack is the inverse of pack. It appends the text, of at most limit bytes, to text,
// which must be empty.
func unpack(text, packed, values []byte, limit int) ([]byte, error) {
	text = slices.Grow(text, len(packed)+4*len(values))
	last := epoch
	var written struct{ from, to int } // the place of the last time in the text
	for i := 0; i < len(packed); i++ {
		digits := 0
		switch packed[i] {
		default:
			end := i + 1
			for end < len(packed) && packed[end] > markTime {
				end++
			}
			text = append(text, packed[i:end]...)
			i = end - 1
		case markUUID:
			if len(values) < 16 {
				return nil, errPacked
			}
			for k, part := range uuidParts {
				if k > 0 {
					text = append(text, '-')
				}
				text = writeDigits(text, values, part[1]-part[0])
				values = values[(part[1]-part[0])/2:]
			}
		case markHex:
			if i++; i == len(packed) {
				return nil, errPacked
			}
			digits = int(packed[i])
			if len(values) < (digits+1)/2 {
				return nil, errPacked
			}
			text = writeDigits(text, values, digits)
			values = values[(digits+1)/2:]
		case markTime:
			since, n := binary.Varint(values)
			if n <= 0 {
				return nil, errPacked
			}
			values = values[n:]
			if since == 0 && written.to > 0 { // objects are usually created together
				text = append(text, text[written.from:written.to]...)
				break
			}
			last += since
			written.from = len(text)
			text = time.Unix(last, 0).UTC().AppendFormat(text, time.RFC3339)
			written.to = len(text)
		}
		if len(text) > limit {
			return nil, errTooLong
		}
	}
	if len(values) > 0 {
		return nil, errPacked
	}
	return text, nil
}

// epoch is the time from which the first time of a report is counted. Most reports have
// times shortly after it.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// uuidParts holds the ranges of digits in a UUID.
var uuidParts = [5][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, uuidLength}}

func isUUID(text []byte) bool {
	if len(text) < uuidLength {
		return false
	}
	for k, part := range uuidParts {
		if k > 0 && text[part[0]-1] != '-' {
			return false
		}
		for _, c := range text[part[0]:part[1]] {
			if !isDigit(c) {
				return false
			}
		}
	}
	return true
}

func isTime(text []byte) bool {
	return len(text) >= timeLength && text[4] == '-' && text[10] == 'T' && text[timeLength-1] == 'Z'
}

// parseTime parses a time if it is written exactly as unpack will write it.
func parseTime(text []byte) (seconds int64, ok bool) {
	t, err := time.Parse(time.RFC3339, string(text))
	if err != nil || t.UTC().Format(time.RFC3339) != string(text) {
		return 0, false
	}
	return t.Unix(), true
}

// isDigit reports whether c is a hex digit in lower case.
func isDigit(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }

func digitOf(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'a' + 10
}

const hexDigits = "0123456789abcdef"

// appendDigits appends each two digits as one byte. An odd last digit takes a byte alone.
func appendDigits(values, text []byte) []byte {
	for len(text) > 1 {
		values = append(values, digitOf(text[0])<<4|digitOf(text[1]))
		text = text[2:]
	}
	if len(text) == 1 {
		values = append(values, digitOf(text[0])<<4)
	}
	return values
}

func writeDigits(text, values []byte, n int) []byte {
	for _, b := range values[:n/2] {
		text = append(text, hexDigits[b>>4], hexDigits[b&15])
	}
	if n%2 > 0 {
		text = append(text, hexDigits[values[n/2]>>4])
	}
	return text
}
