// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestWritingABundleDeploymentIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	createBundle(t, s.clientset(t), bundle(ns, "app"))
	createCluster(t, s.clientset(t), cluster(ns, "c1"))
	c := s.resource(t, "bundledeployments", home(ns, "c1"))
	have := get(t, c, "app")
	made := have.DeepCopy()
	made.SetResourceVersion("")
	made.SetName("other")
	w := watching(t, c, metav1.ListOptions{})
	w.expect(watch.Added, "app")
	for verb, write := range map[string]func() error{
		"create": func() error { _, err := c.Create(t.Context(), made, metav1.CreateOptions{}); return err },
		"update": func() error { _, err := c.Update(t.Context(), have, metav1.UpdateOptions{}); return err },
		"patch": func() error {
			_, err := c.Patch(t.Context(), "app", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{})
			return err
		},
		"apply": func() error {
			_, err := c.Patch(t.Context(), "app", types.ApplyPatchType, []byte(`{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"BundleDeployment","metadata":{"name":"app"}}`), metav1.PatchOptions{FieldManager: "m"})
			return err
		},
		"delete":           func() error { return c.Delete(t.Context(), "app", metav1.DeleteOptions{}) },
		"deletecollection": func() error { return c.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}) },
	} {
		err := write()
		require.True(t, apierrors.IsMethodNotSupported(err), "%s: %v", verb, err)
		for _, word := range []string{"edit the Bundle", "Cluster's labels", "bundledeployments/status"} {
			require.ErrorContains(t, err, word, verb)
		}
	}
	require.Equal(t, have, get(t, c, "app"))
	w.quietUntil(func() { createBundle(t, s.clientset(t), bundle(ns, "mark")) }, watch.Added, "mark")
}

func TestDiscoveryShowsTheVerbs(t *testing.T) {
	t.Parallel()
	d, err := discovery.NewDiscoveryClientForConfig(shared(t).connection())
	require.NoError(t, err)
	list, err := d.ServerResourcesForGroupVersion(group.String())
	require.NoError(t, err)
	verbs := map[string][]string{}
	for _, r := range list.APIResources {
		verbs[r.Name] = slices.Sorted(slices.Values(r.Verbs))
		require.Equal(t, r.Name != "contents" && r.Name != "contents/status", r.Namespaced, r.Name)
	}
	require.Equal(t, []string{"get", "list"}, verbs["contents"])
	require.Equal(t, []string{"get", "list", "watch"}, verbs["bundledeployments"])
	require.Equal(t, []string{"get", "patch", "update"}, verbs["bundledeployments/status"])
	for plural := range specimens {
		require.Equal(t, []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}, verbs[plural], plural)
		if kinds.ByResource(plural).StatusEndpoint {
			require.Equal(t, []string{"get", "patch", "update"}, verbs[plural+"/status"], plural)
		} else {
			require.NotContains(t, verbs, plural+"/status")
		}
	}
}

// reporting returns a server with one BundleDeployment that has a report.
func reporting(t *testing.T) (s *server, c versioned.Interface, ns string, deployments dynamic.ResourceInterface) {
	t.Helper()
	s, ns = shared(t), fresh(t)
	c = s.clientset(t)
	createBundle(t, c, bundle(ns, "app", "env", "prod"))
	createCluster(t, c, cluster(ns, "c1", "env", "prod"))
	return s, c, ns, s.resource(t, "bundledeployments", home(ns, "c1"))
}

func report(t *testing.T, c dynamic.ResourceInterface, patch string) *unstructured.Unstructured {
	t.Helper()
	return merge(t, c, "app", patch, "status")
}

func TestOnlyTheStatusOfAnAgentsPatchCounts(t *testing.T) {
	t.Parallel()
	s, c, ns, deployments := reporting(t)
	before := get(t, deployments, "app")
	w := watching(t, deployments, metav1.ListOptions{ResourceVersion: before.GetResourceVersion()})
	const spec = `"spec":{"options":{"helm":{"values":{"a":1}}},"stagedOptions":{"helm":{"values":{"a":1}}}}`

	// S 9.5: the patch of an agent, with what it has loaded into the spec.
	after := report(t, deployments, `{`+spec+`,"status":{"release":"ns/app:1","ready":true,"nonModified":true,"display":{"state":"Forged"},"conditions":[{"type":"Ready","status":"True"}]}}`)
	require.Equal(t, before.Object["spec"], after.Object["spec"])
	require.Equal(t, before.GetGeneration(), after.GetGeneration())
	require.Equal(t, before.GetLabels(), after.GetLabels())
	text, _, _ := unstructured.NestedString(after.Object, "status", "release")
	require.Equal(t, "ns/app:1", text)
	state, _, _ := unstructured.NestedString(after.Object, "status", "display", "state")
	require.NotEqual(t, "Forged", state, "a derived field was taken from a client")
	require.Equal(t, after, w.expect(watch.Modified, "app"))
	require.Equal(t, after, get(t, deployments, "app"))

	for title, patch := range map[string]string{
		"nothing":                       `{}`,
		"only the spec":                 `{` + spec + `}`,
		"what the status has":           `{"status":{"release":"ns/app:1","ready":true}}`,
		"what the server derives":       `{"status":{"display":{"state":"Forged","deployed":"no"}}}`,
		"what the status does not have": `{"status":{"nonReadyStatus":null,"modifiedStatus":null}}`,
		"metadata":                      `{"metadata":{"labels":{"a":"b"},"annotations":{"a":"b"}}}`,
		"the current report":            `{"metadata":{"resourceVersion":"` + after.GetResourceVersion() + `"},"status":{"ready":true}}`,
		"fields that are unknown":       `{"status":{"nonsense":1}}`,
	} {
		require.Equal(t, after, report(t, deployments, patch), title)
	}
	stored, err := s.etcd.Get(t.Context(), logPrefix+"/log/report/bundledeployments/"+home(ns, "c1")+"/app")
	require.NoError(t, err)
	require.Len(t, stored.Kvs, 1)
	kept, err := record.DecodeReport("bundledeployments", stored.Kvs[0].Value)
	require.NoError(t, err)
	require.Equal(t, "ns/app:1", kept.Status.(*v1alpha1.BundleDeployment).Status.Release)
	require.Empty(t, kept.Status.(*v1alpha1.BundleDeployment).Status.Display, "a derived field is stored")
	// None of them caused an event.
	gone := w.quietUntil(func() { label(t, c, ns, "c1", "env", "test") }, watch.Deleted, "app")
	require.Equal(t, after.Object["status"], gone.Object["status"])
}

func TestAReportDiesWithItsBundleDeployment(t *testing.T) {
	t.Parallel()
	for title, breaks := range map[string]func(t *testing.T, s *server, c versioned.Interface, ns string){
		"the Cluster was relabelled, and back": func(t *testing.T, _ *server, c versioned.Interface, ns string) {
			label(t, c, ns, "c1", "env", "test")
			label(t, c, ns, "c1", "env", "prod")
		},
		"the Cluster was created again": func(t *testing.T, _ *server, c versioned.Interface, ns string) {
			require.NoError(t, c.FleetV1alpha1().Clusters(ns).Delete(t.Context(), "c1", metav1.DeleteOptions{}))
			createCluster(t, c, cluster(ns, "c1", "env", "prod"))
		},
		"the Bundle was created again": func(t *testing.T, _ *server, c versioned.Interface, ns string) {
			require.NoError(t, c.FleetV1alpha1().Bundles(ns).Delete(t.Context(), "app", metav1.DeleteOptions{}))
			createBundle(t, c, bundle(ns, "app", "env", "prod"))
		},
		"the Bundle was targeted elsewhere, and back": func(t *testing.T, s *server, _ versioned.Interface, ns string) {
			for _, env := range []string{"test", "prod"} {
				merge(t, s.resource(t, "bundles", ns), "app", `{"spec":{"targets":[{"clusterSelector":{"matchLabels":{"env":"`+env+`"}}}]}}`)
			}
		},
		"a group lost the Cluster, and got it back": func(t *testing.T, s *server, c versioned.Interface, ns string) {
			for _, group := range []string{"none", "g"} {
				merge(t, s.resource(t, "clustergroups", ns), "g", `{"spec":{"selector":{"matchLabels":{"group":"`+group+`"}}}}`)
			}
		},
		"a group was deleted and created again": func(t *testing.T, _ *server, c versioned.Interface, ns string) {
			require.NoError(t, c.FleetV1alpha1().ClusterGroups(ns).Delete(t.Context(), "g", metav1.DeleteOptions{}))
			createGroup(t, c, ns, "g", selector("group", "g"))
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			s, c, ns, deployments := reporting(t)
			if strings.HasPrefix(title, "a group") {
				createGroup(t, c, ns, "g", selector("group", "g"))
				label(t, c, ns, "c1", "group", "g")
				merge(t, s.resource(t, "bundles", ns), "app", `{"spec":{"targets":[{"clusterGroup":"g"}]}}`)
			}
			report(t, deployments, `{"status":{"release":"old"}}`)
			require.Equal(t, "old", release(t, s, ns, "c1", "app"))
			breaks(t, s, c, ns)
			require.Empty(t, release(t, s, ns, "c1", "app"))
			report(t, deployments, `{"status":{"release":"new"}}`)
			require.Equal(t, "new", release(t, s, ns, "c1", "app"))
		})
	}
}

func TestAReportDiesWhenAMappingEndsItsBundleDeployment(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	// The controller mirrors namespaces; here the test does.
	s.put(t, "log/mirror/namespaces/-/there", `{"labels":{"a":"b"}}`)
	b := bundle("here", "app", "env", "prod")
	b.Labels = map[string]string{"mapped": "yes"}
	createBundle(t, c, b)
	createCluster(t, c, cluster("there", "c1", "env", "prod"))
	mapping := &v1alpha1.BundleNamespaceMapping{
		ObjectMeta:        metav1.ObjectMeta{Namespace: "here", Name: "m"},
		BundleSelector:    selector("mapped", "yes"),
		NamespaceSelector: selector("a", "b"),
	}
	mappings := c.FleetV1alpha1().BundleNamespaceMappings("here")
	_, err := mappings.Create(t.Context(), mapping, metav1.CreateOptions{})
	require.NoError(t, err)
	deployments := s.resource(t, "bundledeployments", home("there", "c1"))
	report(t, deployments, `{"status":{"release":"old"}}`)
	require.NoError(t, mappings.Delete(t.Context(), "m", metav1.DeleteOptions{}))
	_, err = deployments.Get(t.Context(), "app", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	_, err = mappings.Create(t.Context(), mapping, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Empty(t, release(t, s, "there", "c1", "app"))
	report(t, deployments, `{"status":{"release":"new"}}`)
	require.Equal(t, "new", release(t, s, "there", "c1", "app"))
}

func TestManyReportsDieAtOnce(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	createBundle(t, c, bundle("ns", "app", "env", "prod"))
	const many = 200 // more operations than etcd takes on one level of a transaction
	for i := range many {
		createCluster(t, c, cluster("ns", name("c", i), "env", "prod"))
		report(t, s.resource(t, "bundledeployments", home("ns", name("c", i))), `{"status":{"release":"old"}}`)
	}
	for _, env := range []string{"test", "prod"} {
		merge(t, s.resource(t, "bundles", "ns"), "app", `{"spec":{"targets":[{"clusterSelector":{"matchLabels":{"env":"`+env+`"}}}]}}`)
	}
	list := listOf(t, c.FleetV1alpha1().BundleDeployments(""))
	require.Len(t, list.Items, many)
	for _, d := range list.Items {
		require.Empty(t, d.Status.Release, "a report from before the break is served again")
	}
}

func TestAReportThatComesTooLateIsNotKeptForTheNext(t *testing.T) {
	t.Parallel()
	s, c, ns, deployments := reporting(t)
	agent := s.resource(t, "bundledeployments", home(ns, "c1")) // on a connection of its own
	for i := range 100 {
		// The report and the end of its BundleDeployment meet in the store.
		done := make(chan error, 1)
		go func() {
			_, err := agent.Patch(t.Context(), "app", types.MergePatchType, fmt.Appendf(nil, `{"status":{"release":"r%d"}}`, i), metav1.PatchOptions{}, "status")
			done <- err
		}()
		label(t, c, ns, "c1", "env", "test")
		if err := <-done; err != nil {
			require.True(t, apierrors.IsNotFound(err), "%v", err)
		}
		label(t, c, ns, "c1", "env", "prod")
		text, _, _ := unstructured.NestedString(get(t, deployments, "app").Object, "status", "release")
		require.Empty(t, text, "round %d", i)
	}
}

func TestAReportOnAnAbsentBundleDeploymentIsRefused(t *testing.T) {
	t.Parallel()
	_, c, ns, deployments := reporting(t)
	label(t, c, ns, "c1", "env", "test")
	_, err := deployments.Patch(t.Context(), "app", types.MergePatchType, []byte(`{"status":{"release":"late"}}`), metav1.PatchOptions{}, "status")
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	_, err = deployments.Patch(t.Context(), "app", types.ApplyPatchType, []byte(`{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"BundleDeployment","metadata":{"name":"app"},"status":{"release":"late"}}`), metav1.PatchOptions{FieldManager: "m"}, "status")
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

func TestTheStatusOfABundleDeploymentIsAppliedWithItsManager(t *testing.T) {
	t.Parallel()
	_, _, _, deployments := reporting(t)
	apply := func(manager, release string, force bool) (*unstructured.Unstructured, error) {
		return deployments.Patch(t.Context(), "app", types.ApplyPatchType,
			[]byte(`{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"BundleDeployment","metadata":{"name":"app"},"status":{"release":"`+release+`"}}`),
			metav1.PatchOptions{FieldManager: manager, Force: &force}, "status")
	}
	one, err := apply("agent", "a", false)
	require.NoError(t, err)
	require.Equal(t, "status", owners(one)["agent"])
	same, err := apply("agent", "a", false)
	require.NoError(t, err)
	require.Equal(t, one, same)
	require.Equal(t, one, get(t, deployments, "app"))
	_, err = apply("other", "b", false)
	require.True(t, apierrors.IsConflict(err), "%v", err)
	two, err := apply("other", "b", true)
	require.NoError(t, err)
	require.Contains(t, owners(two), "other")
}

func TestAStaleReportConflictsOnlyWithOtherReports(t *testing.T) {
	t.Parallel()
	_, c, ns, deployments := reporting(t)
	one := get(t, deployments, "app")
	set := func(o *unstructured.Unstructured, release string) error {
		o = o.DeepCopy()
		require.NoError(t, unstructured.SetNestedField(o.Object, release, "status", "release"))
		_, err := deployments.UpdateStatus(t.Context(), o, metav1.UpdateOptions{})
		return err
	}
	label(t, c, ns, "c1", "colour", "red")
	merge(t, c.FleetV1alpha1().Bundles(ns), "app", `{"spec":{"namespace":"elsewhere"}}`)
	require.NoError(t, set(one, "first"), "the BundleDeployment changed, but its report did not")
	err := set(one, "second")
	require.True(t, apierrors.IsConflict(err), "%v", err)
}
