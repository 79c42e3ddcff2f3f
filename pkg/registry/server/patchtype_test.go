// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// waitLimit is how long a test waits for something that happens at once.
	waitLimit = 30 * time.Second
	tick      = 5 * time.Millisecond
)

func TestStrategicMergePatchIsRefusedAsByACRD(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	require.Equal(t, http.StatusCreated, s.do("POST", clusters, "application/json", cluster("a")).code)
	const merge = `{"metadata":{"labels":{"env":"prod"}}}`
	const apply = `{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"Cluster","metadata":{"name":"a","labels":{"team":"x"}}}`
	for name, c := range map[string]struct {
		path, contentType, body string
		code                    int
	}{
		"a strategic merge patch of an object":     {clusters + "/a", "application/strategic-merge-patch+json", merge, 415},
		"one with a character set":                 {clusters + "/a", "application/strategic-merge-patch+json; charset=utf-8", merge, 415},
		"one with a parameter that does not parse": {clusters + "/a", "application/strategic-merge-patch+json; =;", merge, 415},
		"one of a missing object":                  {clusters + "/b", "application/strategic-merge-patch+json", merge, 415},
		"one of a status":                          {clusters + "/a/status", "application/strategic-merge-patch+json", merge, 415},
		"an unknown type":                          {clusters + "/a", "text/plain", merge, 415},
		"no type at all":                           {clusters + "/a", "", merge, 415},
		"a merge patch is accepted":                {clusters + "/a", "application/merge-patch+json", merge, 200},
		"a JSON patch is accepted":                 {clusters + "/a", "application/json-patch+json", `[{"op":"add","path":"/metadata/labels/x","value":"y"}]`, 200},
		"server-side apply is accepted":            {clusters + "/a?fieldManager=test", "application/apply-patch+yaml", apply, 200},
	} {
		t.Run(name, func(t *testing.T) {
			answer := s.do("PATCH", c.path, c.contentType, strings.NewReader(c.body))
			require.Equal(t, c.code, answer.code, "%s", answer.body)
			if c.code != http.StatusUnsupportedMediaType {
				return
			}
			status := answer.status(t)
			require.Equal(t, metav1.StatusReasonUnsupportedMediaType, status.Reason)
			require.EqualValues(t, http.StatusUnsupportedMediaType, status.Code)
			require.Equal(t, "the body of the request was in an unknown format - accepted media types include: "+
				"application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml", status.Message)
		})
	}
}

func TestServerSideApplyTracksOwners(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	const apply = "application/apply-patch+yaml"
	body := func(env string) *strings.Reader {
		return strings.NewReader("apiVersion: fleet.cattle.io/v1alpha1\nkind: Cluster\nmetadata:\n  name: a\n  labels:\n    env: " + env + "\n")
	}
	created := s.do("PATCH", clusters+"/a?fieldManager=one", apply, body("dev"))
	require.Equal(t, http.StatusCreated, created.code, "%s", created.body)
	metadata := created.object(t)["metadata"].(map[string]any)
	require.Len(t, metadata["managedFields"], 1)
	owner := metadata["managedFields"].([]any)[0].(map[string]any)
	require.Equal(t, "one", owner["manager"])
	require.Equal(t, "Apply", owner["operation"])
	require.Equal(t, "fleet.cattle.io/v1alpha1", owner["apiVersion"])
	fields, err := json.Marshal(owner["fieldsV1"])
	require.NoError(t, err)
	require.JSONEq(t, `{"f:metadata":{"f:labels":{"f:env":{}}}}`, string(fields))

	conflict := s.do("PATCH", clusters+"/a?fieldManager=two", apply, body("prod"))
	require.Equal(t, http.StatusConflict, conflict.code)
	require.Contains(t, conflict.status(t).Message, `conflict with "one"`)
	require.Equal(t, http.StatusOK, s.do("PATCH", clusters+"/a?fieldManager=two&force=true", apply, body("prod")).code)
}

func TestADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	require.Equal(t, http.StatusCreated, s.do("POST", clusters+"?dryRun=All", "application/json", cluster("a")).code)
	require.Equal(t, http.StatusNotFound, s.do("GET", clusters+"/a", "", nil).code)
	require.Equal(t, http.StatusCreated, s.do("POST", clusters, "application/json", cluster("a")).code)
	before := s.do("GET", clusters+"/a", "", nil)
	patched := s.do("PATCH", clusters+"/a?dryRun=All", "application/merge-patch+json", strings.NewReader(`{"metadata":{"labels":{"env":"prod"}}}`))
	require.Equal(t, http.StatusOK, patched.code)
	require.Contains(t, string(patched.body), `"env":"prod"`)
	require.Equal(t, string(before.body), string(s.do("GET", clusters+"/a", "", nil).body))
}

func TestUnknownFieldsAreHandledAsTheClientAsks(t *testing.T) {
	t.Parallel()
	s := start(t, newConfig(t))
	body := func(name string) *strings.Reader {
		return strings.NewReader(`{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"Cluster","metadata":{"name":"` + name + `"},"spec":{"pawsed":true,"paused":true}}`)
	}
	strict := s.do("POST", clusters+"?fieldValidation=Strict", "application/json", body("strict"))
	require.Equal(t, http.StatusBadRequest, strict.code)
	require.Contains(t, strict.status(t).Message, `unknown field "spec.pawsed"`)

	warn := s.do("POST", clusters+"?fieldValidation=Warn", "application/json", body("warn"))
	require.Equal(t, http.StatusCreated, warn.code)
	require.Contains(t, warn.header.Get("Warning"), `unknown field \"spec.pawsed\"`)
	require.NotContains(t, string(warn.body), "pawsed")

	ignore := s.do("POST", clusters+"?fieldValidation=Ignore", "application/json", body("ignore"))
	require.Equal(t, http.StatusCreated, ignore.code)
	require.Empty(t, ignore.header.Get("Warning"))
}
