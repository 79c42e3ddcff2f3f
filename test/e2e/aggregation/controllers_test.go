// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/kinds"
)

func (p person) owned(t *testing.T, bundle, repo string) {
	t.Helper()
	uid := p.does(t, "get", "gitrepo", repo, "-o", "jsonpath={.metadata.uid}")
	p.types(t, fmt.Sprintf(`{"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "Bundle", "metadata": {"name": %q, "ownerReferences": [
		{"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "GitRepo", "name": %q, "uid": %q, "blockOwnerDeletion": true, "controller": true}]}}`, bundle, repo, uid), "create", "-f", "-")
}

const gitRepo = `"spec": {"repo": "https://git.example.com/a"}`

func TestTheGarbageCollectorDeletesBundlesWithTheirGitRepo(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		cascade string
		// check runs right after the deletion is accepted.
		check func(t *testing.T, p person)
	}{
		"in the background: the GitRepo goes at once and the Bundle after it": {"background", func(t *testing.T, p person) {
			require.Contains(t, p.isRefused(t, "get", "gitrepo", "g"), "NotFound")
			p.does(t, "wait", "bundle/b", "--for=delete", "--timeout=60s")
		}},
		"in the foreground: the GitRepo waits for a Bundle that a finalizer holds": {"foreground", func(t *testing.T, p person) {
			waitFor(t, "the Bundle is being deleted", func() bool {
				return p.does(t, "get", "bundle", "b", "-o", "jsonpath={.metadata.deletionTimestamp}") != ""
			})
			require.Equal(t, `["foregroundDeletion"]`, p.does(t, "get", "gitrepo", "g", "-o", "jsonpath={.metadata.finalizers}"))
			p.does(t, "patch", "bundle", "b", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
			p.does(t, "wait", "gitrepo/g", "bundle/b", "--for=delete", "--timeout=60s")
		}},
		"orphaned: the Bundle remains and loses its owner": {"orphan", func(t *testing.T, p person) {
			p.does(t, "wait", "gitrepo/g", "--for=delete", "--timeout=60s")
			require.Empty(t, p.does(t, "get", "bundle", "b", "-o", "jsonpath={.metadata.ownerReferences}"))
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := administrator(t)
			p.types(t, manifest("GitRepo", "g", gitRepo), "create", "-f", "-")
			p.owned(t, "b", "g")
			if test.cascade == "foreground" {
				p.does(t, "patch", "bundle", "b", "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/wait"]}}`)
			}
			p.does(t, "delete", "gitrepo", "g", "--cascade="+test.cascade, "--wait=false")
			test.check(t, p)
		})
	}
	t.Run("a Bundle whose owner never existed is collected", func(t *testing.T) {
		t.Parallel()
		p := administrator(t)
		p.types(t, `{"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "Bundle", "metadata": {"name": "b", "ownerReferences": [
			{"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "GitRepo", "name": "g", "uid": "00000000-0000-4000-8000-000000000000"}]}}`, "create", "-f", "-")
		p.does(t, "wait", "bundle/b", "--for=delete", "--timeout=60s")
	})
	t.Run("an object of another API server may own a Bundle", func(t *testing.T) {
		t.Parallel()
		p := administrator(t)
		p.does(t, "create", "configmap", "owner")
		uid := p.does(t, "get", "configmap", "owner", "-o", "jsonpath={.metadata.uid}")
		p.types(t, `{"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "Bundle", "metadata": {"name": "b", "ownerReferences": [
			{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "`+uid+`"}]}}`, "create", "-f", "-")
		p.does(t, "get", "bundle", "b")
		p.does(t, "delete", "configmap", "owner")
		p.does(t, "wait", "bundle/b", "--for=delete", "--timeout=60s")
	})
}

func TestDeletingANamespaceDeletesItsFleetObjects(t *testing.T) {
	t.Parallel()
	p := administrator(t)
	all := ""
	for plural, e := range examples {
		all += e.manifest(kinds.ByResource(plural), "a", 0)
	}
	p.types(t, all+bundleFor("held", "env=test"), "create", "-f", "-")
	p.does(t, "patch", "bundle", "held", "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/wait"]}}`)
	p.does(t, "delete", "namespace", p.namespace, "--wait=false")

	condition := func(kind string) string {
		return p.does(t, "get", "namespace", p.namespace, "-o", `jsonpath={.status.conditions[?(@.type=="`+kind+`")].message}`)
	}
	waitFor(t, "the namespace names what holds it", func() bool {
		return strings.Contains(condition("NamespaceFinalizersRemaining"), "example.com/wait in 1 resource instances")
	})
	require.Contains(t, condition("NamespaceContentRemaining"), "bundles.fleet.cattle.io has 1 resource instances")
	for plural := range examples {
		want := ""
		if plural == "bundles" {
			want = "bundle.fleet.cattle.io/held\n"
		}
		require.Equal(t, want, p.does(t, "get", plural, "-o", "name"), plural)
	}
	refusal := p.typesAndIsRefused(t, manifest("Bundle", "late", ""), "create", "-f", "-")
	require.Contains(t, refusal, "because it is being terminated")

	p.does(t, "patch", "bundle", "held", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	p.does(t, "wait", "namespace/"+p.namespace, "--for=delete", "--timeout=60s")
}

// kube-controller-manager counts Muster's objects like any others. But the API server that
// takes a write enforces quotas, and Muster has no quota admission.
func TestAResourceQuotaCountsBundlesAndDoesNotLimitThem(t *testing.T) {
	t.Parallel()
	p := administrator(t)
	p.does(t, "create", "quota", "few", "--hard=count/bundles.fleet.cattle.io=1")
	p.types(t, manifest("Bundle", "a", "")+manifest("Bundle", "b", ""), "create", "-f", "-")
	// The controller looks for new resources every 30 seconds, and counts some time after
	// that.
	require.Eventually(t, func() bool {
		return p.does(t, "get", "quota", "few", "-o", `jsonpath={.status.used.count/bundles\.fleet\.cattle\.io}`) == "2"
	}, 3*soon, 10*tick, "the quota shows both Bundles")
}
