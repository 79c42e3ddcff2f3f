// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/test/e2e/bench/report"
)

func TestOnlyReportsAreRecorded(t *testing.T) {
	t.Parallel()
	const path = "/apis/fleet.cattle.io/v1alpha1/namespaces/one-cluster/bundledeployments/one"
	name, ok := reported(httptest.NewRequest(http.MethodPatch, path+"/status", nil))
	require.True(t, ok)
	require.Equal(t, types.NamespacedName{Namespace: "one-cluster", Name: "one"}, name)
	for _, other := range []*http.Request{httptest.NewRequest(http.MethodGet, path+"/status", nil), httptest.NewRequest(http.MethodPatch, path, nil)} {
		_, ok = reported(other)
		require.False(t, ok, other.URL.Path)
	}
	require.EqualValues(t, 12, revisionIn([]byte(`{"metadata":{"resourceVersion":"12"}}`)))
}

func TestAnEventCountsFromTheAnswerToTheReportThatItShows(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	name := types.NamespacedName{Name: "one"}
	h := &heard{}
	h.mu.events = map[types.NamespacedName][]event{name: {{4, begun}, {9, begun.Add(5 * time.Second)}}}
	took, err := h.since([]acknowledgement{{name: name, done: begun.Add(time.Second), revision: 4}, {name: name, done: begun.Add(time.Second), revision: 5}})
	require.NoError(t, err)
	require.Equal(t, []time.Duration{0, 4 * time.Second}, took)
	_, err = h.since([]acknowledgement{{name: name, revision: 10}})
	require.ErrorContains(t, err, "no event")
}

func TestEachWayIsComparedWithCustomResources(t *testing.T) {
	t.Parallel()
	var out report.Scenario
	second := []time.Duration{time.Second}
	show("1 agents × 1", []*result{
		{way: "straight", reported: 10, took: time.Second, acknowledged: second, rolledUp: second, after: 5},
		{way: "behind", reported: 5, took: time.Second, acknowledged: second, rolledUp: second, after: 5},
		{way: "custom", reported: 5, took: time.Second, acknowledged: second, after: 10, errors: 1, refused: "map[409:1]"},
	}, &out)
	require.Equal(t, []string{"reports a second", "10", "5", "5", "2.00", "1.00"}, out.Tables[0].Rows[0])
	require.Equal(t, []string{"then Bundle's roll-up event, p50, ms", "1000.0", "1000.0", "–", "–", "–"}, out.Tables[0].Rows[5])
	require.Equal(t, "1 agents × 1, straight: reports a second, against custom resources", out.Numbers[1].Name)
	require.InDelta(t, 2.0, out.Numbers[1].Value, 0.001)
	require.Contains(t, out.Text[0], "409")
}
