// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/musterfleet/muster/pkg/registry/kinds"
)

func TestWritesOfComputedKindsAreRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, verb, resource, subresource string
		want                              int
		advice                            string
	}{
		{"a BundleDeployment cannot be created", "create", "bundledeployments", "", http.StatusMethodNotAllowed, "edit the Bundle"},
		{"a BundleDeployment cannot be replaced", "update", "bundledeployments", "", http.StatusMethodNotAllowed, "edit the Bundle"},
		{"a BundleDeployment cannot be patched", "patch", "bundledeployments", "", http.StatusMethodNotAllowed, "edit the Bundle"},
		{"a BundleDeployment cannot be deleted", "delete", "bundledeployments", "", http.StatusMethodNotAllowed, "edit the Bundle"},
		{"BundleDeployments cannot be deleted together", "deletecollection", "bundledeployments", "", http.StatusMethodNotAllowed, "edit the Bundle"},
		{"a BundleDeployment can be read", "get", "bundledeployments", "", http.StatusOK, ""},
		{"its status can be patched", "patch", "bundledeployments", "status", http.StatusOK, ""},
		{"a Content cannot be deleted", "delete", "contents", "", http.StatusMethodNotAllowed, "edit the Bundle"},
		{"a Bundle can be deleted", "delete", "bundles", "", http.StatusOK, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
			req := httptest.NewRequest(http.MethodPost, "/", nil)
			req = req.WithContext(request.WithRequestInfo(req.Context(), &request.RequestInfo{
				IsResourceRequest: true, APIGroup: "fleet.cattle.io", APIVersion: "v1alpha1",
				Verb: c.verb, Resource: c.resource, Subresource: c.subresource,
			}))
			answer := httptest.NewRecorder()
			withComputed(ok, Codecs).ServeHTTP(answer, req)
			require.Equal(t, c.want, answer.Code)
			if c.want != http.StatusOK {
				require.Contains(t, answer.Body.String(), c.advice)
				require.Contains(t, answer.Body.String(), `"reason":"MethodNotAllowed"`)
			}
		})
	}
}

func TestEveryComputedKindHasAdvice(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds.All() {
		if kind.Computed {
			require.NotEmpty(t, editInstead[kind.GroupResource()], kind.Plural)
		}
	}
}
