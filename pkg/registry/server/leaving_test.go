// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// A replica becomes unready while the storage waits for etcd, and the storage refuses.
func TestARefusalByAnUnreadyReplicaEndsTheConnection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		after  error
		want   string
	}{
		"a refusal after the loss":         {http.StatusTooManyRequests, errors.New("etcd lost"), "close"},
		"an unknown outcome after it":      {http.StatusGatewayTimeout, errors.New("etcd lost"), "close"},
		"an answer that was ready by then": {http.StatusOK, errors.New("etcd lost"), ""},
		"a refusal for another reason":     {http.StatusTooManyRequests, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now error
			g := gate{ready: func() error { return now }}
			handler := g.before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				now = c.after
				w.WriteHeader(c.status)
			}))
			info := &request.RequestInfo{IsResourceRequest: true, Verb: "get", Resource: "bundles", APIGroup: v1alpha1.SchemeGroupVersion.Group}
			asked := httptest.NewRequestWithContext(request.WithRequestInfo(context.Background(), info), http.MethodGet, "/", nil)
			got := httptest.NewRecorder()
			handler.ServeHTTP(got, asked)
			require.Equal(t, c.status, got.Code)
			require.Equal(t, c.want, got.Header().Get("Connection"))
		})
	}
}
