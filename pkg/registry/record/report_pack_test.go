// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/replay"
)

func TestPackedTextIsReadBack(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "{}", "0", "2026", "2026-", "2026-01-02T03:04:05", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05+01:00",
		"2026-13-02T03:04:05Z", "2026-02-30T03:04:05Z", "2026-01-02T24:00:00Z", "2026-01-02T23:59:60Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z",
		"12026-01-02T03:04:05Z", "d2719cf4-5cbe-4c1e-a1b2-0123456789ab", "D2719CF4-5CBE-4C1E-A1B2-0123456789AB", "d2719cf4-5cbe-4c1e-a1b2-0123456789a", "d2719cf4-5cbe-4c1e-a1b2-0123456789abc",
		"ad2719cf4-5cbe-4c1e-a1b2-0123456789ab", "d2719cf4_5cbe-4c1e-a1b2-0123456789ab", "d2719cf4-5cbe-4c1e-a1b2-2026-01-02T03:04:05Z",
		strings.Repeat("0", 15), strings.Repeat("a", 16), strings.Repeat("f", 61), strings.Repeat("1", 255), strings.Repeat("e", 256), strings.Repeat("9", 600),
	} {
		packed, values := pack([]byte(text))
		back, err := unpack(nil, packed, values, maxText)
		require.NoError(t, err, text)
		require.Equal(t, text, string(back))
	}
}

func TestPackedTextOfAnySortIsReadBack(t *testing.T) {
	t.Parallel()
	s := newSampler(replay.Rand(t).Uint64(), unseen)
	parts := []func() string{
		func() string { return s.hex(1 + s.IntN(64)) },
		func() string { return string(s.uid()) },
		func() string { return "2026-01-02T03:04:05Z" },
		func() string { return "20" + s.hex(2) + "-0" + s.hex(1) + "-02T03:04:05Z" },
		func() string { return string(rune(' ' + s.IntN(300))) },
		func() string { return pick(s, "-", "T", "Z", ":", `"`, "{") },
	}
	for range 5000 {
		var text strings.Builder
		for range s.IntN(12) {
			text.WriteString(pick(s, parts...)())
		}
		packed, values := pack([]byte(text.String()))
		back, err := unpack(nil, packed, values, maxText)
		require.NoError(t, err)
		require.Equal(t, text.String(), string(back))
	}
}

func TestMismatchedTextAndValuesAreNotUnpacked(t *testing.T) {
	t.Parallel()
	for title, c := range map[string]struct{ packed, values string }{
		"values without a mark":    {"{}", "x"},
		"a truncated UUID":         {"\x01", "123456789012345"},
		"digits without a length":  {"\x02", ""},
		"truncated digits":         {"\x02\x10", "1234567"},
		"a time that is missing":   {"\x03", ""},
		"a time that does not end": {"\x03", "\x80\x80"},
		"two times and one value":  {"\x03\x03", "\x02"},
		"one time and two values":  {"\x03", "\x02\x02"},
	} {
		_, err := unpack(nil, []byte(c.packed), []byte(c.values), maxText)
		require.ErrorIs(t, err, errPacked, title)
	}
	_, err := unpack(nil, []byte("\x02\x10\x02\x10"), make([]byte, 16), 31)
	require.ErrorIs(t, err, errTooLong)
}
