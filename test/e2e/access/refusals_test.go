// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/poll"
)

// refusal is a request that an agent may not send, and the right that it lacks.
type refusal struct {
	name string
	request
	right
	// then is the code of the answer to a user with the right; 0 means 200. straight is the
	// code of a replica's answer, if it differs.
	then, straight int
	// only is the one way that suits the request; empty means both.
	only string
}

// right is one verb on one resource, or on one path without a resource.
type right struct {
	verb, group, resource, name string
	in                          string // namespace; empty means all
	url                         string
}

func (r right) rule() rbacv1.PolicyRule {
	rule := rbacv1.PolicyRule{Verbs: []string{r.verb}}
	if r.url != "" {
		rule.NonResourceURLs = []string{r.url}
		return rule
	}
	rule.APIGroups, rule.Resources = []string{r.group}, []string{r.resource}
	if r.name != "" {
		rule.ResourceNames = []string{r.name}
	}
	return rule
}

// of returns a right to a resource of Fleet's group.
func of(verb, resource, namespace string) right {
	return right{verb: verb, group: group, resource: resource, in: namespace}
}

var someone atomic.Int64

// with returns the configuration of a new user with only these rights.
func with(t *testing.T, rights ...right) *rest.Config {
	t.Helper()
	name := fmt.Sprintf("someone-%d", someone.Add(1))
	for i, r := range rights {
		allow(t, fmt.Sprintf("%s-%d", name, i), r.in, user(name), r.rule())
	}
	return control.As(name)
}

// refused tests that the agent of the Cluster north is refused, and only because it lacks
// the right.
func refused(t *testing.T, cases []refusal) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			allowed := with(t, c.right)
			for _, w := range ways() {
				if c.only != "" && c.only != w.name {
					continue
				}
				a := ask(t, w.to(north.config), c.request)
				require.Equal(t, http.StatusForbidden, a.code, "%s: %s", w.name, a.body)
				require.Contains(t, a.message(), fmt.Sprintf(`User %q cannot %s`, north.user(), c.verb), w.name)

				then := c.then
				if w.name == straight && c.straight != 0 {
					then = c.straight
				}
				if then == 0 {
					then = http.StatusOK
				}
				poll.Eventually(t, patience, func(ctx context.Context) error {
					return expect(ctx, w.to(allowed), c.request, then)
				})
			}
		})
	}
}

func TestAnAgentCannotReadBundleDeploymentsOfOtherClusters(t *testing.T) {
	t.Parallel()
	other, one := south.deployments(), south.deployments()+"/one"
	page := parse(t, ask(t, control.Config, request{path: other + "?limit=1"}))
	get, list, watch := of("get", "bundledeployments", south.namespace), of("list", "bundledeployments", south.namespace), of("watch", "bundledeployments", south.namespace)
	cases := []refusal{
		{name: "get one", request: request{path: one}, right: get},
		{name: "get one from a cache", request: request{path: one + "?resourceVersion=0"}, right: get},
		{name: "get one as a table", request: request{path: one, header: http.Header{"Accept": {"application/json;as=Table;v=v1;g=meta.k8s.io"}}}, right: get},
		{name: "get the metadata of one", request: request{path: one, header: http.Header{"Accept": {"application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}}}, right: get},
		{name: "watch one by the old path", request: request{path: api + "/watch/namespaces/" + south.namespace + "/bundledeployments/one"}, right: watch},
		{name: "watch all by the old path", request: request{path: api + "/watch/namespaces/" + south.namespace + "/bundledeployments"}, right: watch},
		{name: "get the status of one", request: request{path: one + "/status"}, right: of("get", "bundledeployments/status", south.namespace)},
		{name: "patch the status of one", request: request{method: http.MethodPatch, path: one + "/status", kind: mergePatch, body: `{"status":{"ready":false}}`}, right: of("patch", "bundledeployments/status", south.namespace)},
		{name: "update the status of one", request: request{method: http.MethodPut, path: one + "/status", as: one}, right: of("update", "bundledeployments/status", south.namespace)},
		{name: "list the next page", request: request{path: other + "?limit=1&continue=" + page.Metadata.Continue}, right: list},
	}
	refused(t, slices.Concat(cases, selections("list", other, list, page), selections("watch", other, watch, page)))
}

func TestAnAgentCannotReadAcrossNamespaces(t *testing.T) {
	t.Parallel()
	all := api + "/bundledeployments"
	page := parse(t, ask(t, control.Config, request{path: all + "?limit=1"}))
	list, watch := of("list", "bundledeployments", ""), of("watch", "bundledeployments", "")
	own := "fieldSelector=metadata.namespace%3D" + north.namespace
	cases := []refusal{
		{name: "watch all by the old path", request: request{path: api + "/watch/bundledeployments"}, right: watch},
		{name: "list the next page", request: request{path: all + "?limit=1&continue=" + page.Metadata.Continue}, right: list},
		// All includes the agent's own, but a selector for those is not a right to list all.
		{name: "list those of its namespace by a fieldSelector", request: request{path: all + "?" + own}, right: list},
		{name: "watch those of its namespace by a fieldSelector", request: request{path: all + "?watch=true&" + own}, right: watch},
		{name: "list one of its own by a fieldSelector", request: request{path: all + "?" + own + ",metadata.name%3Done"}, right: list},
		{name: "watch one of its own by a fieldSelector", request: request{path: all + "?watch=true&" + own + ",metadata.name%3Done"}, right: watch},
	}
	refused(t, slices.Concat(cases, selections("list", all, list, page), selections("watch", all, watch, page)))
}

// selections returns the requests for a part of a list.
func selections(verb, path string, needs right, page object) []refusal {
	rv := page.Metadata.ResourceVersion
	var out []refusal
	add := func(name, query string, then int) {
		if verb == "watch" {
			query = "watch=true&" + query
		}
		out = append(out, refusal{name: verb + " " + name, request: request{path: path + "?" + query}, right: needs, then: then})
	}
	add("all", "", 0)
	add("with a fieldSelector by name", "fieldSelector=metadata.name%3Done", 0)
	add("with a fieldSelector by namespace", "fieldSelector=metadata.namespace%3D"+south.namespace, 0)
	add("with a fieldSelector by a field that cannot be selected", "fieldSelector=spec.deploymentID%3Dx", http.StatusBadRequest)
	add("with a labelSelector", "labelSelector=fleet.cattle.io/bundle-name%3Done", 0)
	add("with a labelSelector that nothing has", "labelSelector=x%3Dy", 0)
	add("from a cache", "resourceVersion=0", 0)
	add("from a revision", "resourceVersion="+rv, 0)
	if verb == "watch" {
		add("with initial events", "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true", 0)
		add("with bookmarks", "allowWatchBookmarks=true", 0)
		return out
	}
	add("not older than a revision", "resourceVersionMatch=NotOlderThan&resourceVersion="+rv, 0)
	add("at exactly a revision", "resourceVersionMatch=Exact&resourceVersion="+rv, 0)
	add("in pages", "limit=1", 0)
	return out
}

func TestAnAgentWritesNoBundleDeployments(t *testing.T) {
	t.Parallel()
	all, one := north.deployments(), north.deployments()+"/one"
	body := ask(t, control.Config, request{path: one}).body
	needs := func(verb, resource string) right { return of(verb, resource, north.namespace) }
	const none = http.StatusMethodNotAllowed // no user may: BundleDeployments are computed
	refused(t, []refusal{
		{name: "create one", request: request{method: http.MethodPost, path: all, body: body}, right: needs("create", "bundledeployments"), then: none},
		{name: "update one", request: request{method: http.MethodPut, path: one, body: body}, right: needs("update", "bundledeployments"), then: none},
		{name: "patch one", request: request{method: http.MethodPatch, path: one, kind: mergePatch, body: `{"spec":{"paused":true}}`}, right: needs("patch", "bundledeployments"), then: none},
		{name: "apply one", request: request{method: http.MethodPatch, path: one + "?fieldManager=x", kind: applyPatch, body: `{}`}, right: needs("patch", "bundledeployments"), then: none},
		{name: "delete one", request: request{method: http.MethodDelete, path: one}, right: needs("delete", "bundledeployments"), then: none},
		{name: "delete all", request: request{method: http.MethodDelete, path: all}, right: needs("deletecollection", "bundledeployments"), then: none},
		{name: "delete those that a selector selects", request: request{method: http.MethodDelete, path: all + "?labelSelector=x"}, right: needs("deletecollection", "bundledeployments"), then: none},
		{name: "get the status of one alone", request: request{path: one + "/status"}, right: needs("get", "bundledeployments/status")},
		{name: "create a status", request: request{method: http.MethodPost, path: one + "/status", body: body}, right: needs("create", "bundledeployments/status"), then: none},
		{name: "delete a status", request: request{method: http.MethodDelete, path: one + "/status"}, right: needs("delete", "bundledeployments/status"), then: none},
		{name: "get a subresource that does not exist", request: request{path: one + "/scale"}, right: needs("get", "bundledeployments/scale"), then: http.StatusNotFound},
		{name: "patch the finalizers as a subresource", request: request{method: http.MethodPatch, path: one + "/finalizers", kind: mergePatch, body: `{}`}, right: needs("patch", "bundledeployments/finalizers"), then: http.StatusNotFound},
		{name: "patch the spec as a subresource", request: request{method: http.MethodPatch, path: one + "/spec", kind: mergePatch, body: `{}`}, right: needs("patch", "bundledeployments/spec"), then: http.StatusNotFound},
	})
}
