// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/neighbours"
)

// TestATenantIsServedRightlyBesideTheWorstNeighbours is the benchmark "neighbours" at a
// small size. Times are told and not asserted.
func TestATenantIsServedRightlyBesideTheWorstNeighbours(t *testing.T) {
	t.Parallel()
	s := own(t)
	r, err := neighbours.Run(t.Context(), neighbours.Options{
		Config: s.config, Groups: []string{"system:masters"},
		Bundles: 8, Clusters: 8, Resources: 1000, Stuck: 100, Edits: 5, Step: t.Logf,
	})
	require.NoError(t, err)
	require.Zero(t, r.Unready, "of %d probes: %s", r.Probes, r.Why)
	require.NotZero(t, r.Probes)
	require.Zero(t, r.Ended)
	for _, edits := range [][]neighbours.Edit{r.Alone, r.Crowded} {
		require.Len(t, edits, 10)
		require.Equal(t, len(edits), neighbours.Right(edits))
	}
	event := func(e neighbours.Edit) time.Duration { return e.Event }
	t.Logf("from a label to its event: %v alone, %v in the crowd; of a tenth of the edits %v or more", neighbours.Median(r.Alone, event), neighbours.Median(r.Crowded, event), neighbours.Late(r.Crowded, event))
	t.Logf("the crowd was answered %v", r.Crowd)
}
