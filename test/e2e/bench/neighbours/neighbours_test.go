// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package neighbours

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/integration/neighbours"
)

func edit(event time.Duration, right bool) neighbours.Edit {
	return neighbours.Edit{Event: event, Read: event, Right: right}
}

func TestTheRatioComparesCrowdedWithAloneAndWrongAnswersFail(t *testing.T) {
	t.Parallel()
	r := &neighbours.Result{
		Alone:   []neighbours.Edit{edit(time.Millisecond, true), edit(2*time.Millisecond, true), edit(3*time.Millisecond, true)},
		Crowded: []neighbours.Edit{edit(4*time.Millisecond, true), edit(5*time.Millisecond, true), edit(90*time.Millisecond, true)},
		Probes:  10, Crowd: map[string]map[int]int{"list": {429: 2, 200: 1}},
	}
	var out report.Scenario
	show(r, 1<<20, 2<<20, &out)
	require.Equal(t, "neighbours", out.Numbers[0].Goal)
	require.InDelta(t, 2.5, out.Numbers[0].Value, 0.001)
	require.Equal(t, []string{"list", "200: 1, 429: 2"}, out.Tables[2].Rows[0])
	require.NoError(t, wrong(r))
	r.Crowded[0].Right = false
	require.ErrorContains(t, wrong(r), "1 first GETs")
	r.Unready, r.Why = 1, "503"
	require.ErrorContains(t, wrong(r), "1 of 10 probes of /readyz failed: 503")
}
