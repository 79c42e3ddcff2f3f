// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// deployed creates a namespace with one Bundle, "app", for Clusters with env=test, and one
// such Cluster, "one". It also creates the namespace of its BundleDeployment, as a
// registration does. The second result works in that namespace.
func deployed(t *testing.T) (p, agent person) {
	t.Helper()
	p = administrator(t)
	p.types(t, bundleFor("app", "env=test")+manifest("Cluster", "one", `"spec": {}`), "create", "-f", "-")
	p.does(t, "label", "cluster", "one", "env=test")
	agent = p
	agent.namespace = p.does(t, "get", "cluster", "one", "-o", "jsonpath={.status.namespace}")
	require.NotEmpty(t, agent.namespace)
	p.does(t, "create", "namespace", agent.namespace)
	return p, agent
}

func TestComputedKindsAreReadAndTheirWritesRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	_, p := deployed(t)
	const bundleDeployment, content = "a BundleDeployment is computed and cannot be written", "a Content holds the resources of a Bundle"
	id := p.does(t, "get", "bundledeployment", "app", "-o", `jsonpath={.metadata.labels.fleet\.cattle\.io/content-name}`)
	for _, kind := range []struct{ plural, name, advice string }{{"bundledeployments", "app", bundleDeployment}, {"contents", id, content}} {
		t.Run(kind.plural, func(t *testing.T) {
			t.Parallel()
			p := p
			one := kind.plural + "/" + kind.name
			whole := p.does(t, "get", one, "-o", "json")
			again := strings.ReplaceAll(whole, `"name": "`+kind.name, `"name": "mine-`+kind.name)
			for _, args := range [][]string{
				{"label", one, "a=b"},
				{"annotate", one, "a=b"},
				{"patch", one, "--type=merge", "-p", `{"metadata":{"labels":{"a":"b"}}}`},
				{"patch", one, "--type=json", "-p", `[{"op":"add","path":"/metadata/labels","value":{}}]`},
				{"patch", one, "--type=strategic", "-p", "{}"},
				{"delete", one},
				{"delete", one, "--dry-run=server"},
				{"delete", one, "--cascade=foreground"},
				{"delete", kind.plural, "--all"},
			} {
				require.Contains(t, p.isRefused(t, args...), kind.advice, args)
			}
			require.Contains(t, p.typesAndIsRefused(t, again, "create", "-f", "-"), kind.advice)
			require.Contains(t, p.typesAndIsRefused(t, strings.Replace(whole, `"metadata": {`, `"metadata": {"annotations": {"a": "b"},`, 1), "replace", "-f", "-"), kind.advice)
			require.Contains(t, p.typesAndIsRefused(t, again, "apply", "--server-side", "--force-conflicts", "-f", "-"), kind.advice)
			require.Contains(t, p.typesAndIsRefused(t, whole, "apply", "-f", "-"), kind.advice)

			require.Equal(t, []string{"NAME", kind.name}, words(p.does(t, "get", kind.plural, "--field-selector=metadata.name="+kind.name), 1))
			require.Contains(t, p.does(t, "describe", one), kind.name)
			waitFor(t, "kubectl explain knows "+kind.plural, func() bool {
				out, _, err := p.Kubectl("explain", kind.plural)
				return err == nil && strings.Contains(out, "DESCRIPTION")
			})
			require.Contains(t, p.does(t, "auth", "can-i", "get", kind.plural), "yes")
		})
	}
	t.Run("no Content can be watched", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, p.isRefused(t, "get", "contents", "--watch-only"), "watch is not supported")
	})
}

func TestAWatchShowsTheDeploymentOfALabel(t *testing.T) {
	t.Parallel()
	p, agent := deployed(t)
	feed := agent.follows(t, "get", "bundledeployments", "-l", "fleet.cattle.io/managed=true", "--watch", "--output-watch-events", "--request-timeout=0")
	seen := func(want ...string) {
		t.Helper()
		waitFor(t, "the watch shows "+strings.Join(want, ", "), func() bool { return strings.Count(feed.Output(), "\n") > len(want) })
		require.Equal(t, append([]string{"EVENT NAME"}, want...), words(feed.Output(), 2))
	}
	seen("ADDED app")
	p.does(t, "label", "cluster", "one", "env=prod", "--overwrite")
	seen("ADDED app", "DELETED app")
	p.does(t, "label", "cluster", "one", "gpu=yes")
	p.does(t, "label", "cluster", "one", "env=test", "--overwrite")
	seen("ADDED app", "DELETED app", "ADDED app")

	agent.does(t, "patch", "bundledeployment", "app", "--subresource=status", "--type=merge", "-p", report(t, agent))
	require.Contains(t, agent.does(t, "wait", "bundledeployment", "app", "--for=condition=Ready", "--timeout=30s"), "condition met")
	seen("ADDED app", "DELETED app", "ADDED app", "MODIFIED app")
}

// report returns the report of an agent without problems.
func report(t *testing.T, agent person) string {
	t.Helper()
	id := agent.does(t, "get", "bundledeployment", "app", "-o", "jsonpath={.spec.deploymentID}")
	return `{"status":{"appliedDeploymentID":"` + id + `","ready":true,"nonModified":true,"conditions":[` +
		`{"type":"Deployed","status":"True"},{"type":"Monitored","status":"True"},{"type":"Ready","status":"True"}]}}`
}

func TestAnAgentReportsWithoutAResourceVersion(t *testing.T) {
	t.Parallel()
	p, agent := deployed(t)
	bundleDeployments := resource(t, control.Config, "bundledeployments").Namespace(agent.namespace)
	for range 5 {
		// Labels change often; a report must not be refused for that.
		p.does(t, "label", "cluster", "one", "gpu=yes")
		p.does(t, "label", "cluster", "one", "gpu-")
		_, err := bundleDeployments.Patch(t.Context(), "app", types.MergePatchType, []byte(report(t, agent)), metav1.PatchOptions{}, "status")
		require.NoError(t, err)
	}
	got, err := bundleDeployments.Get(t.Context(), "app", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, v1alpha1.SchemeGroupVersion.String(), got.GetAPIVersion())
	require.Empty(t, got.GetOwnerReferences(), "nothing may collect a computed object")
	require.Equal(t, "True", agent.does(t, "get", "bundledeployment", "app", "-o", "jsonpath={.status.display.monitored}"))

	_, err = bundleDeployments.Patch(t.Context(), "none", types.MergePatchType, []byte(`{"status":{}}`), metav1.PatchOptions{}, "status")
	require.ErrorContains(t, err, "not found")
}

func TestAnEditorHasTheRightsOfTheRole(t *testing.T) {
	t.Parallel()
	admin, _ := deployed(t)
	p := editor(t, admin.namespace)
	for verb, plural := range map[string]string{"create": "bundles", "delete": "gitrepos", "list": "bundledeployments", "patch": "clustergroups", "watch": "clusters"} {
		require.Equal(t, "yes\n", p.does(t, "auth", "can-i", verb, plural), verb+" "+plural)
	}
	for verb, plural := range map[string]string{"create": "clusters", "patch": "clusters", "get": "contents", "update": "bundledeployments", "delete": "policies"} {
		out, _, err := p.Kubectl(p.in([]string{"auth", "can-i", verb, plural + ".fleet.cattle.io"})...)
		require.Error(t, err, verb+" "+plural)
		require.Contains(t, out, "no")
	}
	p.types(t, bundleFor("mine", "env=test"), "create", "-f", "-")
	p.types(t, bundleFor("mine", "env=prod"), "apply", "--server-side", "--force-conflicts", "-f", "-")
	require.Equal(t, []string{"NAME", "app", "mine"}, words(p.does(t, "get", "bundles"), 1))
	p.does(t, "delete", "bundle", "mine")
	require.Contains(t, p.isRefused(t, "label", "cluster", "one", "env=prod", "--overwrite"), "Forbidden")
	require.Contains(t, p.isRefused(t, "get", "bundles", "--all-namespaces"), "Forbidden")
	// A user without the right to write gets no advice.
	require.Contains(t, p.isRefused(t, "patch", "bundledeployment", "app", "--type=merge", "-p", "{}"), "NotFound")
	elsewhere := p
	elsewhere.namespace = newNamespace(t)
	require.Contains(t, elsewhere.isRefused(t, "get", "bundles"), "Forbidden")
}
