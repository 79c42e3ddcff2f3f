// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/poll"
)

// updateStatus names a request that an agent may send, and that is still refused.
const updateStatus = "update the status of a BundleDeployment without a resourceVersion"

func TestAnAgentMayUseItsGrant(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			config := w.to(north.config)
			list := parse(t, ask(t, config, request{path: north.deployments()}))
			require.Len(t, list.Items, len(bundles))
			for _, item := range list.Items {
				require.Equal(t, north.namespace, item.Metadata.Namespace)
			}
			one := north.deployments() + "/one"
			status := one + "/status"
			for _, c := range []struct {
				name string
				request
			}{
				{"get a BundleDeployment", request{path: one}},
				{"list with a labelSelector", request{path: north.deployments() + "?labelSelector=fleet.cattle.io/bundle-name%3Done"}},
				{"list as an informer does", request{path: north.deployments() + "?limit=500&resourceVersion=0"}},
				{"watch from a revision", request{path: north.deployments() + "?watch=true&resourceVersion=" + list.Metadata.ResourceVersion}},
				{"watch as an informer does", request{path: north.deployments() + "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"}},
				{"patch the status of a BundleDeployment", request{method: http.MethodPatch, path: status, kind: mergePatch, body: `{"status":{"ready":true}}`}},
				{"apply the status of a BundleDeployment", request{method: http.MethodPatch, path: status + "?fieldManager=agent&force=true", kind: applyPatch, body: `{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"BundleDeployment","metadata":{"name":"one"},"status":{"nonModified":true}}`}},
				{updateStatus, request{method: http.MethodPut, path: status, body: `{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"BundleDeployment","metadata":{"name":"one"},"status":{"ready":true}}`}},
				{"report a heartbeat", north.heartbeat()},
				{"get a Content by its name", request{path: api + "/contents/" + north.content}},
				{"read the API's discovery", request{path: "/apis/" + group}},
				{"read the API's schema", request{path: "/openapi/v3"}},
			} {
				t.Run(c.name, func(t *testing.T) {
					a, want := ask(t, config, c.request), http.StatusOK
					if c.name == updateStatus {
						// As with a CRD, because it names no resourceVersion. A client
						// without the right gets Forbidden first.
						want = http.StatusUnprocessableEntity
					}
					require.Equal(t, want, a.code, a.body)
				})
			}
		})
	}
}

func TestAStatusEndpointWritesNothingButTheStatus(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			config := w.to(north.config)
			const rest = `"metadata":{"labels":{"env":"forged"},"annotations":{"a":"forged"},"finalizers":["forged/forged"],"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"forged","uid":"1"}]}`
			for _, c := range []struct {
				name, main string
				request
			}{
				{"a merge patch of a BundleDeployment", north.deployments() + "/two", request{
					kind: mergePatch,
					body: `{` + rest + `,"spec":{"deploymentID":"forged","paused":true,"options":{"helm":{"values":{"secret":"forged"}}}}}`,
				}},
				{"a JSON patch of a BundleDeployment", north.deployments() + "/two", request{
					kind: jsonPatch,
					body: `[{"op":"replace","path":"/spec/deploymentID","value":"forged"},{"op":"add","path":"/metadata/annotations","value":{"a":"forged"}}]`,
				}},
				// Labels decide what is deployed on a Cluster, and its spec configures it.
				{"a JSON patch of a Cluster", inWorkspace("clusters", north.cluster), request{
					kind: jsonPatch,
					body: `[{"op":"add","path":"/metadata/labels","value":{"env":"forged"}},{"op":"add","path":"/spec/paused","value":true},{"op":"add","path":"/metadata/finalizers","value":["forged/forged"]}]`,
				}},
				{"a merge patch of a Cluster", inWorkspace("clusters", north.cluster), request{
					kind: mergePatch, body: `{` + rest + `,"spec":{"paused":true,"clientID":"forged"}}`,
				}},
			} {
				t.Run(c.name, func(t *testing.T) {
					before := parse(t, ask(t, control.Config, request{path: c.main}))
					c.method, c.path = http.MethodPatch, c.main+"/status"
					a := ask(t, config, c.request)
					require.Equal(t, http.StatusOK, a.code, a.body)
					after := parse(t, ask(t, control.Config, request{path: c.main}))
					before.Status, after.Status = nil, nil
					before.Metadata.ResourceVersion, after.Metadata.ResourceVersion = "", ""
					require.Equal(t, before, after)
					require.NotContains(t, a.body, "forged")
				})
			}
		})
	}
}

// An agent that may report for a Cluster must not be able to move its BundleDeployments
// into another agent's namespace, because that agent would deploy them.
func TestAnAgentCannotMoveItsClusterIntoAnotherNamespace(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			a := ask(t, w.to(south.config), request{
				method: http.MethodPatch, path: inWorkspace("clusters", south.cluster, "status"), kind: mergePatch,
				body: fmt.Sprintf(`{"status":{"namespace":%q}}`, north.namespace),
			})
			require.Equal(t, http.StatusForbidden, a.code, a.body)
			require.Contains(t, a.message(), "may not create bundledeployments in namespace")
			read := parse(t, ask(t, control.Config, request{path: inWorkspace("clusters", south.cluster)}))
			require.Equal(t, south.namespace, read.Status["namespace"])
		})
	}
}

// The right that the test before lacks makes it possible.
func TestAUserWhoMayCreateBundleDeploymentsMayMoveAClusterThere(t *testing.T) {
	t.Parallel()
	const home = "elsewhere"
	control.MakeNamespace(t, home)
	clusters := api + "/namespaces/" + home + "/clusters"
	made := ask(t, control.Config, request{method: http.MethodPost, path: clusters, body: `{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"Cluster","metadata":{"name":"roaming"}}`})
	require.Equal(t, http.StatusCreated, made.code, made.body)
	mover := with(t, of("patch", "clusters/status", home), of("create", "bundledeployments", home))
	for _, w := range ways() {
		poll.Eventually(t, patience, func(ctx context.Context) error {
			return expect(ctx, w.to(mover), request{
				method: http.MethodPatch, path: clusters + "/roaming/status", kind: mergePatch, body: `{"status":{"namespace":"` + home + `"}}`,
			}, http.StatusOK)
		})
		read := parse(t, ask(t, control.Config, request{path: clusters + "/roaming"}))
		require.Equal(t, home, read.Status["namespace"])
		back := ask(t, control.Config, request{method: http.MethodPatch, path: clusters + "/roaming/status", kind: mergePatch, body: `{"status":{"namespace":null}}`})
		require.NotEqual(t, home, parse(t, back).Status["namespace"])
	}
}

func TestAStatusDoesNotCreateAnObject(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		for _, c := range []struct {
			name string
			request
		}{
			{"a merge patch", request{method: http.MethodPatch, kind: mergePatch, body: `{"status":{"ready":true}}`}},
			{"an apply patch", request{method: http.MethodPatch, kind: applyPatch, body: `{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"BundleDeployment","metadata":{"name":"none"},"status":{"ready":true}}`}},
			{"an update", request{method: http.MethodPut, body: `{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"BundleDeployment","metadata":{"name":"none"},"status":{"ready":true}}`}},
		} {
			t.Run(c.name+" "+w.name, func(t *testing.T) {
				t.Parallel()
				c.path = north.deployments() + "/none/status?fieldManager=agent"
				a := ask(t, w.to(north.config), c.request)
				require.Equal(t, http.StatusNotFound, a.code, a.body)
			})
		}
	}
}

// Authorization looks at the path, so the request must act on the path.
func TestTheBodyCannotNameAnotherObject(t *testing.T) {
	t.Parallel()
	for _, w := range ways() {
		for _, c := range []struct{ name, in, object string }{
			{"of another namespace", south.namespace, "one"},
			{"of another name", north.namespace, "two"},
		} {
			t.Run(c.name+" "+w.name, func(t *testing.T) {
				t.Parallel()
				body := fmt.Sprintf(`{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"BundleDeployment","metadata":{"namespace":%q,"name":%q},"status":{"release":"forged"}}`, c.in, c.object)
				for _, r := range []request{
					{method: http.MethodPut, body: body},
					{method: http.MethodPatch, kind: applyPatch, body: body},
				} {
					r.path = north.deployments() + "/one/status?fieldManager=agent&force=true"
					a := ask(t, w.to(north.config), r)
					require.Equal(t, http.StatusBadRequest, a.code, "%s: %s", r.method, a.body)
				}
				target := parse(t, ask(t, control.Config, request{path: api + "/namespaces/" + c.in + "/bundledeployments/" + c.object}))
				require.NotEqual(t, "forged", target.Status["release"])
			})
		}
	}
}

func TestAContinueTokenDoesNotLeadOutOfTheNamespace(t *testing.T) {
	t.Parallel()
	page := func(path string) string {
		return parse(t, ask(t, control.Config, request{path: path + "?limit=1"})).Metadata.Continue
	}
	own := page(north.deployments())
	decoded, err := base64.RawURLEncoding.DecodeString(own)
	require.NoError(t, err)
	edit := func(old, replacement string) string {
		require.Contains(t, string(decoded), old)
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(decoded), old, replacement, 1)))
	}
	for _, c := range []struct{ name, token string }{
		{"of another namespace's list", page(south.deployments())},
		{"of the list of all namespaces", page(api + "/bundledeployments")},
		{"of the list of another kind", page(inWorkspace("bundles"))},
		{"edited to climb out", edit(`"start":"`, `"start":"../`)},
		{"edited to climb into another namespace", edit(`"start":"`, `"start":"../`+south.namespace+`/`)},
		{"edited to start with another namespace", edit(`"start":"`, `"start":"/`+south.namespace+`/`)},
		{"edited to start before everything", edit(`"start":"`, `"start":"\u0000`)},
	} {
		require.NotEmpty(t, c.token)
		for _, w := range ways() {
			t.Run(c.name+" "+w.name, func(t *testing.T) {
				t.Parallel()
				a := ask(t, w.to(north.config), request{path: north.deployments() + "?limit=100&continue=" + c.token})
				if a.code != http.StatusOK {
					require.Contains(t, []int{http.StatusBadRequest, http.StatusGone}, a.code, a.body)
					return
				}
				for _, item := range parse(t, a).Items {
					require.Equal(t, north.namespace, item.Metadata.Namespace)
				}
			})
		}
	}
}

func TestAPathThatClimbsLeadsNowhere(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		north.deployments() + "/../../" + south.namespace + "/bundledeployments",
		north.deployments() + "/../../" + south.namespace + "/bundledeployments/one",
		north.deployments() + "/%2e%2e/%2e%2e/" + south.namespace + "/bundledeployments",
		north.deployments() + "/one%2F..%2F..%2F..%2F" + south.namespace + "%2Fbundledeployments%2Fone",
		api + "/namespaces/" + north.namespace + "%2F..%2F" + south.namespace + "/bundledeployments",
		api + "/namespaces//bundledeployments",
		api + "//bundledeployments",
		"/" + api + "/namespaces/" + south.namespace + "/bundledeployments",
		api + "/namespaces/" + north.namespace + "/../bundledeployments",
	} {
		for _, w := range ways() {
			t.Run(w.name+" "+path, func(t *testing.T) {
				t.Parallel()
				// The client follows a redirect to a cleaned path, which is authorized
				// again.
				a := ask(t, w.to(north.config), request{path: path})
				require.NotEqual(t, http.StatusOK, a.code, a.body)
				require.NotContains(t, a.body, "of-one", "it shows an object of another Cluster")
			})
		}
	}
}

func TestAnAnonymousClientSeesHealthAndVersionOnly(t *testing.T) {
	t.Parallel()
	anonymous := muster.Replicas()[0].Direct(control.Anonymous())
	for path, code := range map[string]int{
		"/healthz": http.StatusOK, "/livez": http.StatusOK, "/readyz": http.StatusOK, "/version": http.StatusOK,
		"/": http.StatusForbidden, "/apis": http.StatusForbidden, "/apis/" + group: http.StatusForbidden, api: http.StatusForbidden,
		"/openapi/v2": http.StatusForbidden, "/openapi/v3": http.StatusForbidden, "/metrics": http.StatusForbidden,
		"/debug/pprof/": http.StatusForbidden, "/debug/flags/v": http.StatusForbidden, "/configz": http.StatusForbidden,
		"/readyz/ping": http.StatusForbidden, "/healthz/../metrics": http.StatusForbidden,
		north.deployments(): http.StatusForbidden, api + "/contents/" + north.content: http.StatusForbidden,
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			a := ask(t, anonymous, request{path: path})
			require.Equal(t, code, a.code, a.body)
			if code == http.StatusForbidden {
				require.Contains(t, a.message(), `User "system:anonymous"`)
			}
		})
	}
}
