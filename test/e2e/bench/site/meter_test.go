// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAMetricIsKnownByItsLabelsAndByTheirSum(t *testing.T) {
	t.Parallel()
	got := metrics([]byte(`# HELP muster_watches Watches open now.
# TYPE muster_watches gauge
muster_watches{resource="bundles"} 2
muster_watches{resource="clusters"} 3.5
go_info{version="go 1 2"} 1
plain 1e+06
nothing here
`))
	require.Equal(t, Metrics{
		"muster_watches": 5.5, `muster_watches{resource="bundles"}`: 2, `muster_watches{resource="clusters"}`: 3.5,
		"go_info": 1, `go_info{version="go 1 2"}`: 1, "plain": 1e6,
	}, got)
}
