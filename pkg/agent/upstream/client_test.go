// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/manifest"
)

// asked holds one request that the server got.
type asked struct {
	Method, Path, ContentType, Body string
	Query                           url.Values
}

// client returns a Client of a server that answers each request with the next of answers,
// and a function that returns the requests.
func client(t *testing.T, answers ...any) (*upstream.Client, func() []asked) {
	t.Helper()
	var mu sync.Mutex
	var got []asked
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body) // the comparison shows what is missing
		got = append(got, asked{r.Method, r.URL.Path, r.Header.Get("Content-Type"), string(body), r.URL.Query()})
		w.Header().Set("Content-Type", "application/json")
		if len(answers) < len(got) {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		_ = json.NewEncoder(w).Encode(answers[len(got)-1]) // as above
	}))
	t.Cleanup(server.Close)
	up, err := upstream.New(&rest.Config{Host: server.URL})
	require.NoError(t, err)
	return up, func() []asked {
		mu.Lock()
		defer mu.Unlock()
		return got
	}
}

func TestAReportIsAMergePatchOfTheStatusWithoutAResourceVersion(t *testing.T) {
	t.Parallel()
	up, got := client(t, &v1alpha1.BundleDeployment{})
	read := &v1alpha1.BundleDeployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "app", ResourceVersion: "7"}}
	sent, err := up.Report(t.Context(), read, read.DeepCopy())
	require.NoError(t, err)
	require.Nil(t, sent)
	require.Empty(t, got(), "a report that says nothing is not sent")

	wanted := read.DeepCopy()
	wanted.Status.Ready = true
	sent, err = up.Report(t.Context(), read, wanted)
	require.NoError(t, err)
	require.NotNil(t, sent)
	require.Equal(t, []asked{{
		http.MethodPatch, "/apis/fleet.cattle.io/v1alpha1/namespaces/ns/bundledeployments/app/status",
		"application/merge-patch+json", `{"status":{"ready":true}}`,
		url.Values{},
	}}, got())
}

func TestAHeartbeatIsAJSONPatchOfOneOperation(t *testing.T) {
	t.Parallel()
	up, got := client(t, &v1alpha1.Cluster{})
	at := time.Date(2026, 11, 23, 10, 0, 0, 5, time.FixedZone("", 3600))
	require.NoError(t, up.Heartbeat(t.Context(), types.NamespacedName{Namespace: "ws", Name: "north"}, "cattle-fleet-system", at))
	require.Len(t, got(), 1)
	require.Equal(t, "/apis/fleet.cattle.io/v1alpha1/namespaces/ws/clusters/north/status", got()[0].Path)
	require.Equal(t, "application/json-patch+json", got()[0].ContentType)
	require.JSONEq(t, `[{"op":"add","path":"/status/agent","value":{"lastSeen":"2026-11-23T09:00:00Z","namespace":"cattle-fleet-system"}}]`, got()[0].Body)
}

func TestAManifestIsRefusedUnlessItHasItsHash(t *testing.T) {
	t.Parallel()
	resources := []v1alpha1.BundleResource{{Name: "a.yaml", Content: "a: b"}}
	text := manifest.Encode(resources)
	content := func(change func(c *v1alpha1.Content)) *v1alpha1.Content {
		c := &v1alpha1.Content{Content: manifest.Compress(text), SHA256Sum: manifest.Digest(text)}
		change(c)
		return c
	}
	for _, c := range []struct {
		name    string
		id      string
		content *v1alpha1.Content
		want    string
	}{
		{"the right content", "s-1:2", content(func(*v1alpha1.Content) {}), ""},
		{"content without a hash", "s-1:2", content(func(c *v1alpha1.Content) { c.SHA256Sum = "" }), ""},
		{"content with another hash", "s-1:2", content(func(c *v1alpha1.Content) { c.SHA256Sum = "0" }), "content s-1 does not match its hash"},
		{"content that is not gzip", "s-1:2", content(func(c *v1alpha1.Content) { c.Content = text }), "content s-1: manifest is not gzip"},
		{"a deployment ID without content", ":2", nil, `deployment ID ":2" names no content`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			up, got := client(t, c.content)
			read, err := up.Manifest(t.Context(), c.id)
			if c.want != "" {
				require.ErrorContains(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.Equal(t, resources, read)
			require.Equal(t, "/apis/fleet.cattle.io/v1alpha1/contents/s-1", got()[0].Path)
		})
	}
}

func TestDependenciesAreAskedForByLabel(t *testing.T) {
	t.Parallel()
	deployment := func(name string, ready bool) v1alpha1.BundleDeployment {
		return v1alpha1.BundleDeployment{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: v1alpha1.BundleDeploymentStatus{Ready: ready, NonModified: true}}
	}
	bd := func(refs ...v1alpha1.BundleRef) *v1alpha1.BundleDeployment {
		return &v1alpha1.BundleDeployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Labels: map[string]string{v1alpha1.LabelBundleNamespace: "ws"}},
			Spec:       v1alpha1.BundleDeploymentSpec{DependsOn: refs},
		}
	}
	const byName = "fleet.cattle.io/bundle-name=db,fleet.cattle.io/bundle-namespace=ws"
	for _, c := range []struct {
		name     string
		refs     []v1alpha1.BundleRef
		found    []v1alpha1.BundleDeployment
		selector string
		want     string
	}{
		{"one that is ready", []v1alpha1.BundleRef{{Name: "db"}}, []v1alpha1.BundleDeployment{deployment("db", true)}, byName, ""},
		{"one that is not", []v1alpha1.BundleRef{{Name: "db"}}, []v1alpha1.BundleDeployment{deployment("db", false)}, byName, "dependent bundle(s) are not ready: [db]"},
		{
			"one that is not, in a state that is accepted",
			[]v1alpha1.BundleRef{{Name: "db", AcceptedStates: []v1alpha1.BundleState{v1alpha1.NotReady}}},
			[]v1alpha1.BundleDeployment{deployment("db", false)},
			byName, "",
		},
		{"one that does not exist", []v1alpha1.BundleRef{{Name: "db"}}, nil, byName, "list bundledeployments: no bundles matching labels " + byName + " in namespace ns"},
		{
			"some by label, of which two are not ready",
			[]v1alpha1.BundleRef{{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}},
			[]v1alpha1.BundleDeployment{deployment("x", false), deployment("y", true), deployment("z", false)},
			"a=b", "dependent bundle(s) are not ready: [x z]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			up, got := client(t, &v1alpha1.BundleDeploymentList{Items: c.found})
			err := up.Dependencies(t.Context(), bd(c.refs...))
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, c.want)
			}
			require.Equal(t, "/apis/fleet.cattle.io/v1alpha1/namespaces/ns/bundledeployments", got()[0].Path)
			require.Equal(t, c.selector, got()[0].Query.Get("labelSelector"))
		})
	}
	up, got := client(t)
	require.NoError(t, up.Dependencies(t.Context(), bd(v1alpha1.BundleRef{})))
	require.Empty(t, got(), "a reference to nothing is not asked for")
}
