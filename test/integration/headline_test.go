// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestTheAnswerToALabelHoldsTheBundleDeploymentEveryTime(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	writer, reader := s.clientset(t), s.clientset(t)
	createBundle(t, writer, bundle(ns, "app", "env", "prod"))
	createCluster(t, writer, cluster(ns, "c1"))
	createCluster(t, writer, cluster(ns, "c2"))
	where := home(ns, "c1")
	deployments := reader.FleetV1alpha1().BundleDeployments(where)
	dynamic := s.resource(t, "bundledeployments", where)
	ofBundle := metav1.ListOptions{LabelSelector: v1alpha1.LabelBundleName + "=app," + v1alpha1.LabelBundleNamespace + "=" + ns}

	for range 100 {
		labelled := label(t, writer, ns, "c1", "env", "prod")
		got := fetch(t, deployments, "app")
		require.Equal(t, labelled.ResourceVersion, got.ResourceVersion)
		list := listOf(t, reader.FleetV1alpha1().BundleDeployments(""), ofBundle)
		require.Len(t, list.Items, 1)
		got.TypeMeta = list.Items[0].TypeMeta // the typed client empties it
		require.Equal(t, *got, list.Items[0])
		added, revision := watching(t, dynamic, initial("")).untilBookmark()
		require.Len(t, added, 1)
		require.Equal(t, "app", added[0].GetName())
		require.GreaterOrEqual(t, number(t, revision), number(t, labelled.ResourceVersion))

		label(t, writer, ns, "c1", "env", "null")
		_, err := deployments.Get(t.Context(), "app", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		require.Empty(t, listOf(t, reader.FleetV1alpha1().BundleDeployments(where)).Items)
		added, _ = watching(t, dynamic, initial("")).untilBookmark()
		require.Empty(t, added)
	}
}

func TestOneLabelEditIsOneRevisionAndNoEventForOthers(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	const clusters, bundles = 3, 5
	for i := range clusters {
		createCluster(t, c, cluster("ns", name("c", i), "tier", "a"))
	}
	for i := range bundles {
		createBundle(t, c, bundle("ns", name("all", i)))
		createBundle(t, c, bundle("ns", name("prod", i), "env", "prod"))
	}
	list := listOf(t, s.resource(t, "bundledeployments", ""))
	from := metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}
	deployments := watching(t, s.resource(t, "bundledeployments", ""), from)
	bundleEvents := watching(t, s.resource(t, "bundles", ""), from)

	before := s.revision(t)
	label(t, c, "ns", "c-001", "env", "prod")
	require.Equal(t, before+1, s.revision(t))
	for i := range bundles {
		e, o := deployments.next()
		require.Equal(t, event{watch.Added, home("ns", "c-001"), name("prod", i), list.GetResourceVersion()}, event{e.Type, e.Namespace, e.Name, from.ResourceVersion})
		require.Equal(t, place(before+1, bundles-1-i), o.GetResourceVersion())
		// The Bundle counts one Cluster more, in the same revision.
		require.Equal(t, place(before+1, bundles-1-i), bundleEvents.expect(watch.Modified, name("prod", i)).GetResourceVersion())
	}
	label(t, c, "ns", "c-001", "env", "null")
	require.Equal(t, before+2, s.revision(t))
	for i := range bundles {
		o := deployments.expect(watch.Deleted, name("prod", i))
		require.Equal(t, place(before+2, bundles-1-i), o.GetResourceVersion())
		require.Equal(t, place(before+2, bundles-1-i), bundleEvents.expect(watch.Modified, name("prod", i)).GetResourceVersion())
	}
	// A label that no selector names makes one revision and no event: the next event is of
	// a Bundle that is created afterwards.
	label(t, c, "ns", "c-001", "colour", "red")
	require.Equal(t, before+3, s.revision(t))
	deployments.quietUntil(func() { createBundle(t, c, bundle("ns", "mark", "tier", "a")) }, watch.Added, "mark")
	bundleEvents.expect(watch.Added, "mark")
}

func TestManyConnectionsSeeEachOthersLabels(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	createBundle(t, s.clientset(t), bundle(ns, "app", "env", "prod"))
	var all sync.WaitGroup
	for i := range 8 {
		writer, reader := s.clientset(t), s.clientset(t)
		where := name("c", i)
		createCluster(t, writer, cluster(ns, where))
		all.Go(func() {
			for range 20 {
				if _, err := tryLabel(t, writer, ns, where, "env", "prod"); err != nil {
					t.Error(err)
					return
				}
				if _, err := reader.FleetV1alpha1().BundleDeployments(home(ns, where)).Get(t.Context(), "app", metav1.GetOptions{}); err != nil {
					t.Error(err)
					return
				}
				if _, err := tryLabel(t, writer, ns, where, "env", "null"); err != nil {
					t.Error(err)
					return
				}
				if _, err := reader.FleetV1alpha1().BundleDeployments(home(ns, where)).Get(t.Context(), "app", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
					t.Errorf("after the label was removed: %v", err)
					return
				}
			}
		})
	}
	all.Wait()
}
