// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// failure returns the error message of a Bundle, or "" if it works.
func failure(t *testing.T, c versioned.Interface, ns, name string) string {
	t.Helper()
	for _, condition := range fetch(t, c.FleetV1alpha1().Bundles(ns), name).Status.Conditions {
		if condition.Type == "Ready" && condition.Reason == "Error" { // otherwise it is a roll-up
			return condition.Message
		}
	}
	return ""
}

// contents returns the specs, names and UIDs of all BundleDeployments: what agents act on.
func contents(t *testing.T, s *server) map[string]any {
	t.Helper()
	out := map[string]any{}
	for _, item := range listOf(t, s.resource(t, "bundledeployments", "")).Items {
		item.SetResourceVersion("")
		out[item.GetNamespace()+"/"+item.GetName()] = item.Object
	}
	return out
}

// value returns the result of the template of a BundleDeployment.
func value(t *testing.T, d *unstructured.Unstructured) string {
	t.Helper()
	out, _, _ := unstructured.NestedString(d.Object, "spec", "options", "helm", "values", "value")
	return out
}

func setTemplate(t *testing.T, c versioned.Interface, ns, name, template string) {
	t.Helper()
	values := map[string]any{"value": template}
	merge(t, c.FleetV1alpha1().Bundles(ns), name, marshal(t, map[string]any{"spec": map[string]any{"helm": map[string]any{"values": values}}}))
}

// broken creates a fleet in which a new version fails, and in which a label edit has broken
// one BundleDeployment of a version that worked.
func broken(t *testing.T, s *server) {
	t.Helper()
	c := s.clientset(t)
	for _, cl := range []string{"c1", "c2"} {
		createCluster(t, c, cluster("ns", cl, "env", "prod", "region", "eu"))
	}
	createBundle(t, c, templated("ns", "updated", "${ .ClusterLabels.region }", "env", "prod"))
	createBundle(t, c, templated("ns", "labelled", "${ .ClusterLabels.region }", "env", "prod"))
	createBundle(t, c, templated("ns", "never", "${ .ClusterLabels.nothing }", "env", "prod"))
	createBundle(t, c, templated("ns", "random", "${ randAlphaNum 20 }", "env", "prod"))
	setTemplate(t, c, "ns", "updated", "${ .ClusterLabels.zone }")
	label(t, c, "ns", "c2", "region", "null")
}

func TestAFailedVersionKeepsTheOneThatWorked(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	broken(t, s)
	require.Regexp(t, `^targeting error: .*map has no entry for key "zone"`, failure(t, c, "ns", "updated"))
	require.Regexp(t, `^targeting error: .*map has no entry for key "region"`, failure(t, c, "ns", "labelled"))
	require.Regexp(t, `^targeting error: .*map has no entry for key "nothing"`, failure(t, c, "ns", "never"))
	require.Empty(t, failure(t, c, "ns", "random"))
	for _, cl := range []string{"c1", "c2"} {
		deployments := s.resource(t, "bundledeployments", home("ns", cl))
		require.Equal(t, "eu", value(t, get(t, deployments, "updated")), cl)
		require.Equal(t, "eu", value(t, get(t, deployments, "labelled")), cl)
		_, err := deployments.Get(t.Context(), "never", metav1.GetOptions{})
		require.Error(t, err)
	}
	// When the cause is repaired, all continues; nothing else was touched.
	label(t, c, "ns", "c2", "region", "us")
	require.Empty(t, failure(t, c, "ns", "labelled"))
	require.Equal(t, "us", value(t, get(t, s.resource(t, "bundledeployments", home("ns", "c2")), "labelled")))
	require.Equal(t, "us", value(t, get(t, s.resource(t, "bundledeployments", home("ns", "c2")), "updated")), "the pinned version follows the labels")
	setTemplate(t, c, "ns", "updated", "new ${ .ClusterLabels.region }")
	require.Empty(t, failure(t, c, "ns", "updated"))
	require.Equal(t, "new eu", value(t, get(t, s.resource(t, "bundledeployments", home("ns", "c1")), "updated")))
}

func TestLabellingABundleKeepsRandomValuesUntilItsDeletion(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	createCluster(t, c, cluster(ns, "c1", "env", "prod"))
	b := templated(ns, "random", "${ randAlphaNum 20 }", "env", "prod")
	b.Finalizers = []string{v1alpha1.FinalizerBundle}
	createBundle(t, c, b)
	deployments := s.resource(t, "bundledeployments", home(ns, "c1"))
	before := value(t, get(t, deployments, "random"))
	require.Len(t, before, 20)
	merge(t, c.FleetV1alpha1().Bundles(ns), "random", `{"metadata":{"labels":{"a":"b"}}}`)
	require.Equal(t, before, value(t, get(t, deployments, "random")))
	require.NoError(t, c.FleetV1alpha1().Bundles(ns).Delete(t.Context(), "random", metav1.DeleteOptions{}))
	_, err := deployments.Get(t.Context(), "random", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

func TestARestartChangesNothing(t *testing.T) {
	t.Parallel()
	s := own(t)
	broken(t, s)
	merge(t, s.resource(t, "bundledeployments", home("ns", "c1")), "labelled", `{"status":{"release":"r1"}}`, "status")
	before, revision := contents(t, s), s.revision(t)
	failures := map[string]string{}
	for _, name := range []string{"updated", "labelled", "never", "random"} {
		failures[name] = failure(t, s.clientset(t), "ns", name)
	}
	old := listOf(t, s.resource(t, "bundledeployments", ""))

	again := s.restart(t)
	require.Equal(t, before, contents(t, again))
	for name, want := range failures {
		require.Equal(t, want, failure(t, again.clientset(t), "ns", name))
	}
	now := listOf(t, again.resource(t, "bundledeployments", ""))
	require.GreaterOrEqual(t, revisionOf(t, now.GetResourceVersion()), revision)
	// The same key at the same revision has the same content (design.md §5).
	for i := range old.Items {
		if old.Items[i].GetResourceVersion() == now.Items[i].GetResourceVersion() {
			require.Equal(t, old.Items[i], now.Items[i])
		}
	}
	// A watch continues from its last revision.
	w := watching(t, again.resource(t, "bundledeployments", ""), metav1.ListOptions{ResourceVersion: old.GetResourceVersion()})
	label(t, again.clientset(t), "ns", "c2", "region", "us")
	for {
		if e, o := w.next(); e.Name == "labelled" && value(t, o) == "us" {
			return
		}
	}
}
