// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnIndentedStepIsNotSkipped(t *testing.T) {
	t.Parallel()
	const step = "<!-- step: look -->\n```bash\nls\n```\n"
	found, err := blocks("Text.\n\n" + step)
	require.NoError(t, err)
	require.Equal(t, []Block{{Name: "look", Script: "ls\n"}}, found)
	_, err = blocks("1. Text:\n\n   " + strings.ReplaceAll(strings.TrimSpace(step), "\n", "\n   ") + "\n")
	require.ErrorContains(t, err, "1 marks of steps, and 0 blocks")
}
