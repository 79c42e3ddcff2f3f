// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRowsOfAPageFollowTheReport(t *testing.T) {
	t.Parallel()
	was := "\n| a | 1 |\n| b | 2 |\n"
	got, err := refresh("text\n| a | 1 |\n| of another report | 7 |\n", was, "\n| b | 3 |\n| a | 4 |\n| a | 5 |\n")
	require.NoError(t, err)
	require.Equal(t, "text\n| a | 4 |\n| of another report | 7 |\n", got)
	_, err = refresh("| a | 1 |", was, "\n| b | 3 |\n")
	require.ErrorContains(t, err, `no row "a"`)
}
