// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/integration/neighbours"
)

// TestATenantIsServedRightlyBesideTheWorstNeighbours runs the benchmark "neighbours" at a
// small size. It logs times and asserts none.
func TestATenantIsServedRightlyBesideTheWorstNeighbours(t *testing.T) {
	t.Parallel()
	const edits = 3
	s := own(t)
	r, err := neighbours.Run(t.Context(), neighbours.Options{
		Config: s.config, Groups: []string{"system:masters"},
		Bundles: 6, Clusters: 4, Resources: 1000, Templates: 4, Stuck: 100, Edits: edits, Step: t.Logf,
	})
	require.NoError(t, err)
	require.Zero(t, r.Unready, "of %d probes: %s", r.Probes, r.Why)
	require.NotZero(t, r.Probes)
	for _, all := range [][]neighbours.Edit{r.Alone, r.Crowded} {
		require.Len(t, all, 2*edits)
		require.Equal(t, 2*edits, neighbours.Right(all))
	}
	event := func(e neighbours.Edit) time.Duration { return e.Event }
	t.Logf("from a label to its event: %v alone, %v in the crowd; the slowest tenth of the edits took at least %v", neighbours.Median(r.Alone, event), neighbours.Median(r.Crowded, event), neighbours.Late(r.Crowded, event))
	t.Logf("answers to the crowd: %v", r.Crowd)
}
