// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnUnreadablePatchIsAnsweredInOneLine(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	require.Equal(t, http.StatusCreated, s.do("POST", clusters, "application/json", cluster("a")).code)
	const (
		path  = clusters + "/a?fieldValidation=Strict"
		merge = "application/merge-patch+json"
	)
	// It is longer than what the API machinery answers uncompressed.
	long := strings.Repeat("x", 200<<10)
	for name, c := range map[string]struct {
		path, contentType, body, want string
	}{
		"an unknown field":        {path, merge, `{"spec":{"pasued":true}}`, `strict decoding error: unknown field "spec.pasued"`},
		"a label of another type": {path, merge, `{"metadata":{"labels":{"a":1}}}`, "cannot unmarshal number"},
		"a JSON patch":            {path, "application/json-patch+json", `[{"op":"add","path":"/spec","value":{"pasued":true}}]`, `unknown field "spec.pasued"`},
		"a long object":           {path, merge, `{"spec":{"pasued":true,"clientID":"` + long + `"}}`, `unknown field "spec.pasued"`},
		"quotes in the object":    {path, merge, `{"spec":{"pasued":true,"clientID":"\"\\: \""}}`, `unknown field "spec.pasued"`},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.do("PATCH", c.path, c.contentType, strings.NewReader(c.body))
			require.Equal(t, http.StatusUnprocessableEntity, answer.code, "%.500s", answer.body)
			status := answer.status(t)
			require.True(t, strings.HasPrefix(status.Message, `Cluster.fleet.cattle.io "a" is invalid: patch: `), status.Message)
			require.Contains(t, status.Message, c.want)
			require.Less(t, len(status.Message), 300)
			require.Equal(t, "a", status.Details.Name)
			require.Equal(t, "Cluster", status.Details.Kind)
			require.Len(t, status.Details.Causes, 1)
			require.Contains(t, status.Details.Causes[0].Message, c.want)
			require.Less(t, len(status.Details.Causes[0].Message), 300)
		})
	}
}

func TestOtherAnswersToAPatchStayAsTheyAre(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	require.Equal(t, http.StatusCreated, s.do("POST", clusters, "application/json", cluster("a")).code)

	answer := s.do("PATCH", clusters+"/a", "application/json-patch+json", strings.NewReader(`[{"op":"test","path":"/metadata/name","value":"b"}]`))
	require.Equal(t, http.StatusUnprocessableEntity, answer.code)
	require.Contains(t, answer.status(t).Message, "the server rejected our request")

	answer = s.do("PATCH", clusters+"/b", "application/merge-patch+json", strings.NewReader(`{}`))
	require.Equal(t, http.StatusNotFound, answer.code)
}
