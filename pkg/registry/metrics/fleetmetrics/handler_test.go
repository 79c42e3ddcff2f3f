// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleetmetrics

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/component-base/metrics/testutil"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// ask sends a request to a handler.
func ask(t *testing.T, h *Handler, method string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, Path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request)
	return w
}

// all lets every BundleDeployment have series.
var all = Options{BundleDeployments: 1 << 30}

func TestAProcessThatMayBeWrongAnswers503(t *testing.T) {
	t.Parallel()
	sound := large(t, 1, 1, 1)
	unread := func(resource string) *view.View {
		b := view.NewBuilder(view.Limits{Revisions: 1})
		b.SetUnread(map[string]map[record.Name]struct{}{resource: {{Namespace: "fleet", Name: "x"}: {}}}, nil)
		return b.Load(1)
	}
	incomplete := view.NewBuilder(view.Limits{Revisions: 1})
	incomplete.SetWhole(false, 1)
	for name, e := range map[string]*engineOf{
		"not ready":                    {sound, engine.ErrNotReady},
		"closed":                       {sound, fmt.Errorf("%w: %w", engine.ErrNotReady, engine.ErrClosed)},
		"a Bundle cannot be read":      {unread(record.Bundles), nil},
		"a Cluster cannot be read":     {unread(record.Clusters), nil},
		"a group cannot be read":       {unread(record.ClusterGroups), nil},
		"BundleDeployments are unsure": {incomplete.Load(1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := ask(t, New(e, all), http.MethodGet)
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.Contains(t, w.Body.String(), "cannot give right numbers")
			require.NotContains(t, w.Body.String(), "fleet_")
		})
	}
	require.Equal(t, http.StatusOK, ask(t, New(&engineOf{sound, nil}, all), http.MethodGet).Code)
	require.Equal(t, http.StatusOK, ask(t, New(&engineOf{unread(record.GitRepos), nil}, all), http.MethodGet).Code, "no series shows a GitRepo")
}

func TestAProcessThatDoesNotLeadHasNoSeries(t *testing.T) {
	t.Parallel()
	leads := false
	h := New(&engineOf{large(t, 1, 1, 1), nil}, Options{Leads: func() bool { return leads }})
	w := ask(t, h, http.MethodGet)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, contentType, w.Header().Get("Content-Type"), "Prometheus refuses an answer without its type")
	require.Empty(t, w.Body.String())
	leads = true
	require.Contains(t, ask(t, h, http.MethodGet).Body.String(), "fleet_bundle_state{")
}

func TestOnlyGETIsAnswered(t *testing.T) {
	t.Parallel()
	w := ask(t, New(&engineOf{large(t, 1, 1, 1), nil}, all), http.MethodPost)
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, http.MethodGet, w.Header().Get("Allow"))
}

func TestABoundLeavesBundleDeploymentsOutAndSaysSo(t *testing.T) {
	t.Parallel()
	e := &engineOf{large(t, 2, 3, 2), nil}
	for most, want := range map[int]struct{ series, leftOut int }{0: {0, 6}, 5: {0, 6}, 6: {42, 0}, 7: {42, 0}} {
		text := ask(t, New(e, Options{BundleDeployments: most}), http.MethodGet).Body.String()
		require.Equal(t, want.series, strings.Count(text, "\nfleet_bundledeployment_state{"), most)
		require.Contains(t, text, fmt.Sprintf("\nmuster_fleet_metrics_bundledeployments_left_out %d\n", want.leftOut), most)
		require.Contains(t, text, "\nfleet_cluster_state{")
	}
}

func TestAnAnswerIsCompressedOnRequest(t *testing.T) {
	t.Parallel()
	h := New(&engineOf{large(t, 20, 20, 20), nil}, all)
	plain, packed := ask(t, h, http.MethodGet), ask(t, h, http.MethodGet, "Accept-Encoding", "gzip")
	require.Empty(t, plain.Header().Get("Content-Encoding"))
	require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
	require.Less(t, packed.Body.Len(), plain.Body.Len()/10)
	r, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, plain.Body.String(), string(text))
}

// broken is a client that has left.
type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) {
	b.writes++
	return 0, errors.New("broken pipe")
}

func TestAScrapeEndsWhenItsClientHasLeft(t *testing.T) {
	t.Parallel()
	v := large(t, 50, 50, 50)
	h := New(&engineOf{v, nil}, all)
	require.Greater(t, ask(t, h, http.MethodGet).Body.Len(), 10*chunk)
	b := &broken{}
	require.ErrorContains(t, h.write(b, v), "broken pipe")
	require.Equal(t, 1, b.writes)
}

// pieces notes how large the pieces of an answer are.
type pieces struct{ largest, total int }

func (p *pieces) Write(b []byte) (int, error) {
	p.largest, p.total = max(p.largest, len(b)), p.total+len(b)
	return len(b), nil
}

func TestAnAnswerIsWrittenInPieces(t *testing.T) {
	t.Parallel()
	v := large(t, 50, 50, 50)
	p := &pieces{}
	require.NoError(t, New(&engineOf{v, nil}, all).write(p, v))
	require.Greater(t, p.total, 10*chunk)
	require.Less(t, p.largest, chunk+chunk/8, "the buffer never grows")
}

func TestValuesOfLabelsAreEscaped(t *testing.T) {
	t.Parallel()
	const strange = "a\\b\"c\nd,e}"
	b := view.NewBuilder(view.Limits{Revisions: 1})
	b.Put(record.Clusters, cluster("c", map[string]string{labelClusterName: strange}, statusIn(strange)))
	families, err := testutil.TextToMetricFamilies(ask(t, New(&engineOf{b.Load(1), nil}, all), http.MethodGet).Body)
	require.NoError(t, err)
	labels := map[string]string{}
	for _, l := range families["fleet_cluster_ready_git_repos"].GetMetric()[0].GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	require.Equal(t, map[string]string{
		"cluster_display_name": "", "cluster_name": strange, "generation": "1", "name": "c", "namespace": "fleet", "state": "WaitCheckIn",
	}, labels)
}
