// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	genericfilters "k8s.io/apiserver/pkg/server/filters"
)

func TestAClientOfAReplicaThatStopsTriesAgainSoon(t *testing.T) {
	t.Parallel()
	elapsed := make(chan struct{})
	var s stopping
	handler := s.before(genericfilters.WithRetryAfter(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7") // of the kind that keeps its connection
		w.WriteHeader(http.StatusTooManyRequests)
	}), elapsed))
	retryAfter := func() string {
		got := httptest.NewRecorder()
		handler.ServeHTTP(got, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis/fleet.cattle.io/v1alpha1/bundles", nil))
		require.Equal(t, http.StatusTooManyRequests, got.Code)
		return got.Header().Get("Retry-After")
	}
	require.Equal(t, "7", retryAfter())
	require.NoError(t, s.hook())
	require.Equal(t, "7", retryAfter())
	close(elapsed)
	require.Equal(t, "1", retryAfter())
}
