// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"net/http"
	"testing"
)

func TestAnAgentSeesNoOtherKind(t *testing.T) {
	t.Parallel()
	var cases []refusal
	for _, kind := range []string{
		"bundles", "bundlenamespacemappings", "clustergroups", "clusterregistrations", "clusterregistrationtokens", "clusters",
		"gitreporestrictions", "gitrepos", "helmops", "imagescans", "policies", "schedules",
	} {
		for _, in := range []string{workspace, north.namespace} {
			path := api + "/namespaces/" + in + "/" + kind
			cases = append(cases,
				refusal{name: "get one of " + kind + " in " + in, request: request{path: path + "/none"}, right: of("get", kind, in), then: http.StatusNotFound},
				refusal{name: "list " + kind + " in " + in, request: request{path: path}, right: of("list", kind, in)},
				refusal{name: "watch " + kind + " in " + in, request: request{path: path + "?watch=true"}, right: of("watch", kind, in)},
			)
		}
		path := inWorkspace(kind)
		cases = append(cases,
			refusal{name: "list all " + kind, request: request{path: api + "/" + kind}, right: of("list", kind, "")},
			// The refused writes need no object, so none can be created or lost.
			refusal{name: "create one of " + kind, request: request{method: http.MethodPost, path: path, body: `[]`}, right: of("create", kind, workspace), then: http.StatusBadRequest},
			refusal{name: "patch one of " + kind, request: request{method: http.MethodPatch, path: path + "/none", kind: mergePatch, body: `{}`}, right: of("patch", kind, workspace), then: http.StatusNotFound},
			refusal{name: "delete one of " + kind, request: request{method: http.MethodDelete, path: path + "/none"}, right: of("delete", kind, workspace), then: http.StatusNotFound},
			refusal{name: "delete all " + kind, request: request{method: http.MethodDelete, path: path + "?dryRun=All&labelSelector=none"}, right: of("deletecollection", kind, workspace)},
		)
	}
	refused(t, cases)
}

func TestAnAgentReportsForItsOwnClusterOnly(t *testing.T) {
	t.Parallel()
	own, other := inWorkspace("clusters", north.cluster), inWorkspace("clusters", south.cluster)
	here := func(verb, resource string) right { return of(verb, resource, workspace) }
	heartbeat := north.heartbeat()
	at := func(path string) request {
		heartbeat.path = path
		return heartbeat
	}
	elsewhere := north.namespace // the workspace is part of a Cluster's identity
	byName := "fieldSelector=metadata.name%3D" + north.cluster
	named := here("patch", "clusters/status")
	named.name = south.cluster
	refused(t, []refusal{
		{name: "patch the status of another Cluster", request: at(other + "/status"), right: named},
		{name: "patch the status of a Cluster of the same name elsewhere", request: at(api + "/namespaces/" + elsewhere + "/clusters/" + north.cluster + "/status"), right: of("patch", "clusters/status", elsewhere), then: http.StatusNotFound},
		{name: "update the status of its own", request: request{method: http.MethodPut, path: own + "/status?dryRun=All", as: own}, right: here("update", "clusters/status")},
		{name: "get the status of its own", request: request{path: own + "/status"}, right: here("get", "clusters/status")},
		{name: "get its own", request: request{path: own}, right: here("get", "clusters")},
		{name: "list its own by a fieldSelector", request: request{path: inWorkspace("clusters") + "?" + byName}, right: here("list", "clusters")},
		{name: "watch its own by a fieldSelector", request: request{path: inWorkspace("clusters") + "?watch=true&" + byName}, right: here("watch", "clusters")},
		{name: "update its own", request: request{method: http.MethodPut, path: own + "?dryRun=All", as: own}, right: here("update", "clusters")},
		{name: "patch its own", request: request{method: http.MethodPatch, path: own + "?dryRun=All", kind: mergePatch, body: `{"metadata":{"labels":{"env":"prod"}}}`}, right: here("patch", "clusters")},
		{name: "apply its own", request: request{method: http.MethodPatch, path: own + "?dryRun=All&fieldManager=agent", kind: applyPatch, body: `{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"Cluster","metadata":{"name":"north","labels":{"env":"test"}}}`}, right: here("patch", "clusters")},
		{name: "delete its own", request: request{method: http.MethodDelete, path: own + "?dryRun=All"}, right: here("delete", "clusters")},
	})
}

func TestAnAgentGetsContentsAndNoMore(t *testing.T) {
	t.Parallel()
	all, one := api+"/contents", api+"/contents/"+north.content
	byName := "fieldSelector=metadata.name%3D" + north.content
	needs := func(verb string) right { return of(verb, "contents", "") }
	refused(t, []refusal{
		{name: "list them", request: request{path: all}, right: needs("list")},
		{name: "list one by a fieldSelector", request: request{path: all + "?" + byName}, right: needs("list")},
		{name: "list them in pages", request: request{path: all + "?limit=1"}, right: needs("list")},
		{name: "list them from a cache", request: request{path: all + "?resourceVersion=0"}, right: needs("list")},
		{name: "list their metadata", request: request{path: all, header: http.Header{"Accept": {"application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}}}, right: needs("list")},
		{name: "watch them", request: request{path: all + "?watch=true"}, right: needs("watch"), then: http.StatusMethodNotAllowed},
		{name: "watch one by a fieldSelector", request: request{path: all + "?watch=true&" + byName}, right: needs("watch"), then: http.StatusMethodNotAllowed},
		{name: "create one", request: request{method: http.MethodPost, path: all, body: `[]`}, right: needs("create"), then: http.StatusMethodNotAllowed},
		{name: "update one", request: request{method: http.MethodPut, path: one, body: `[]`}, right: needs("update"), then: http.StatusMethodNotAllowed},
		{name: "patch one", request: request{method: http.MethodPatch, path: one, kind: mergePatch, body: `{}`}, right: needs("patch"), then: http.StatusMethodNotAllowed},
		{name: "delete one", request: request{method: http.MethodDelete, path: one + "?dryRun=All"}, right: needs("delete"), then: http.StatusMethodNotAllowed},
		{name: "delete them all", request: request{method: http.MethodDelete, path: all + "?dryRun=All"}, right: needs("deletecollection"), then: http.StatusMethodNotAllowed},
	})
}

func TestAnAgentSeesNothingElseOfTheCluster(t *testing.T) {
	t.Parallel()
	core := func(verb, resource, in string) right { return right{verb: verb, resource: resource, in: in} }
	own, other := "/api/v1/namespaces/"+north.namespace, "/api/v1/namespaces/"+south.namespace
	// A replica authorizes first, and then answers that nothing exists there.
	const nothing = http.StatusNotFound
	refused(t, []refusal{
		{name: "list namespaces", request: request{path: "/api/v1/namespaces"}, right: core("list", "namespaces", ""), straight: nothing},
		{name: "get its namespace", request: request{path: own}, right: core("get", "namespaces", north.namespace), straight: nothing},
		{name: "list Secrets of its namespace", request: request{path: own + "/secrets"}, right: core("list", "secrets", north.namespace), straight: nothing},
		{name: "watch Secrets of its namespace", request: request{path: own + "/secrets?watch=true"}, right: core("watch", "secrets", north.namespace), straight: nothing},
		{name: "list one Secret by a fieldSelector", request: request{path: own + "/secrets?fieldSelector=metadata.name%3Done"}, right: core("list", "secrets", north.namespace), straight: nothing},
		{name: "get a Secret of the other namespace", request: request{path: other + "/secrets/none"}, right: core("get", "secrets", south.namespace), then: nothing},
		{name: "get a ConfigMap of the other namespace", request: request{path: other + "/configmaps/none"}, right: core("get", "configmaps", south.namespace), then: nothing},
		{name: "create an Event", request: request{method: http.MethodPost, path: own + "/events", body: `[]`}, right: core("create", "events", north.namespace), then: http.StatusBadRequest, straight: nothing},
		{name: "create a token for itself", request: request{method: http.MethodPost, path: own + "/serviceaccounts/" + north.account + "/token?dryRun=All", body: `[]`}, right: core("create", "serviceaccounts/token", north.namespace), then: http.StatusBadRequest, straight: nothing},
		{name: "create a Lease", request: request{method: http.MethodPost, path: "/apis/coordination.k8s.io/v1/namespaces/" + north.namespace + "/leases", body: `[]`}, right: right{verb: "create", group: "coordination.k8s.io", resource: "leases", in: north.namespace}, then: http.StatusBadRequest, straight: nothing},
	})
}

func TestAnAgentSeesNothingOfTheServer(t *testing.T) {
	t.Parallel()
	var cases []refusal
	for path, then := range map[string]int{
		"/": http.StatusOK, "/metrics": http.StatusOK, "/metrics/slis": http.StatusOK, "/readyz/ping": http.StatusOK,
		"/debug/api_priority_and_fairness/dump_priority_levels": http.StatusOK,
		// These are off by default.
		"/debug/pprof/": http.StatusNotFound, "/debug/pprof/profile": http.StatusNotFound, "/debug/flags/v": http.StatusNotFound,
		// These do not exist today.
		"/configz": http.StatusNotFound, "/logs": http.StatusNotFound, "/debug/vars": http.StatusNotFound,
	} {
		cases = append(cases, refusal{name: path, request: request{path: path}, right: right{verb: "get", url: path}, then: then, only: straight})
	}
	refused(t, cases)
}
