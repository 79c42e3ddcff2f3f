// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package garbage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGarbageIsAShareOfALargeHeapAndEnoughForASmallOne(t *testing.T) {
	t.Parallel()
	const mebibyte = 1 << 20
	for live, want := range map[uint64]int{0: 100, 4 * mebibyte: 100, 64 * mebibyte: 100, 128 * mebibyte: 50, 256 * mebibyte: 33, 4096 * mebibyte: 33} {
		require.Equal(t, want, percent(live, least), "%d MiB in use", live/mebibyte)
	}
	for live, want := range map[uint64]int{100 * mebibyte: 100, 256 * mebibyte: 100, 512 * mebibyte: 50, 1024 * mebibyte: 33} {
		require.Equal(t, want, percent(live, leastReading), "%d MiB in use, and reading", live/mebibyte)
	}
}
