// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// MaxDurationLength is the largest number of characters of a Duration.
	MaxDurationLength = 32

	// MaxDuration is the longest Duration: the largest number of whole hours that
	// a time.Duration can hold.
	MaxDuration = 2562047 * time.Hour
)

var (
	errDurationLength = errors.New("a duration has 1 to 32 characters; for example 15m")
	errDurationSign   = errors.New("a duration has no sign; for example 15m")
	errDurationPoint  = errors.New("a decimal point in a duration stands between digits; for example 0.5h")
	errDurationMax    = errors.New("a duration is at most 2562047h")
)

// Duration is a span of time in Go's notation: "0", or decimal numbers with units (ns, us,
// µs, ms, s, m, h) one after the other. A decimal point stands between digits. The text has
// 1 to 32 characters and no sign; the span is at most 2562047h (V-dur in S 1.3). Examples:
// 15m, 1h30m, 1.5h.
//
// Duration keeps the text as it was written, so that clients read it back unchanged.
// Malformed text therefore reaches validation, which can name the field; a decoder that
// parses the text cannot.
type Duration string

// Duration parses the text. The error says which part of the rule the text breaks.
func (d Duration) Duration() (time.Duration, error) {
	text := string(d)
	if n := utf8.RuneCountInString(text); n < 1 || n > MaxDurationLength {
		return 0, errDurationLength
	}
	if strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		return 0, errDurationSign
	}
	span, err := time.ParseDuration(text)
	if err != nil {
		return 0, err
	}
	for i := range len(text) {
		// A parsed text ends with a unit, so i+1 is in range.
		if text[i] == '.' && (i == 0 || !digit(text[i-1]) || !digit(text[i+1])) {
			return 0, errDurationPoint
		}
	}
	if span > MaxDuration {
		return 0, errDurationMax
	}
	return span, nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
