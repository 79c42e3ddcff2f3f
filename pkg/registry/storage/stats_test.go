// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/storage"
)

func TestStatsCountAllAndWeighSome(t *testing.T) {
	t.Parallel()
	ctx, _, s := start(t)
	stats, err := s.Stats(ctx)
	require.NoError(t, err)
	require.Equal(t, storage.Stats{}, stats)
	const n = statsSample + 5
	for i := range n {
		require.NoError(t, create(ctx, s, fmt.Sprintf("c%d", i)))
	}
	stats, err = s.Stats(ctx)
	require.NoError(t, err)
	require.EqualValues(t, n, stats.ObjectCount)
	// Each object has 20 KiB of padding, and little more.
	require.InDelta(t, 20<<10, stats.EstimatedAverageObjectSizeBytes, 1<<10)
}
