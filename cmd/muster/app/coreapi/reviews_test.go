// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package coreapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/mux"
)

func TestReviewsAllowMastersAndDenyOthers(t *testing.T) {
	t.Parallel()
	const (
		who   = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
		may   = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
		rules = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"

		askWho   = `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`
		askMay   = `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"create","group":"fleet.cattle.io","resource":"bundles"}}}`
		askPath  = `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"nonResourceAttributes":{"verb":"get","path":"/metrics"}}}`
		askEmpty = `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{}}`
		askRules = `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview","spec":{"namespace":"default"}}`
	)
	master := &user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}, Extra: map[string][]string{"k": {"v"}}}
	other := &user.DefaultInfo{Name: "other", Groups: []string{user.AllAuthenticated}}
	paths := mux.NewPathRecorderMux("reviews")
	InstallReviews(paths, authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup))
	for name, c := range map[string]struct {
		as               user.Info
		method, to, body string
		code             int
		want             string
	}{
		"a master gets the name":                 {master, "POST", who, askWho, 201, `"userInfo":{"username":"admin","groups":["system:masters"],"extra":{"k":["v"]}}`},
		"a master may create Bundles":            {master, "POST", may, askMay, 201, `"allowed":true`},
		"a master may read a path":               {master, "POST", may, askPath, 201, `"allowed":true`},
		"a master has the rule for everything":   {master, "POST", rules, askRules, 201, `"resourceRules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]`},
		"another may not create Bundles":         {other, "POST", may, askMay, 201, `"allowed":false`},
		"another has no rule":                    {other, "POST", rules, askRules, 201, `"resourceRules":[]`},
		"a question about nothing is refused":    {master, "POST", may, askEmpty, 400, "set one of spec.resourceAttributes"},
		"a question of another kind is refused":  {master, "POST", may, askWho, 400, "the review cannot be read"},
		"a question that is not JSON is refused": {master, "POST", may, "{", 400, "the review cannot be read"},
		"reviews cannot be listed":               {master, "GET", may, "", 405, "MethodNotAllowed"},
		"without a user, there is no answer":     {nil, "POST", who, askWho, 401, "the request has no user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := httptest.NewRequest(c.method, c.to, strings.NewReader(c.body))
			ctx := request.WithRequestInfo(req.Context(), &request.RequestInfo{})
			if c.as != nil {
				ctx = request.WithUser(ctx, c.as)
			}
			answer := httptest.NewRecorder()
			paths.ServeHTTP(answer, req.WithContext(ctx))
			require.Equal(t, c.code, answer.Code, answer.Body.String())
			require.Contains(t, answer.Body.String(), c.want)
			if c.code == http.StatusCreated {
				require.Contains(t, answer.Body.String(), `"apiVersion":"auth`)
			}
		})
	}
}
