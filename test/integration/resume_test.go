// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

func TestTheEventsOfOneRevisionAreContiguousOrderedAndResumable(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	const bundles = 40
	for i := range bundles {
		createBundle(t, c, bundle("ns", name("app", (i*17)%bundles), "env", "prod"))
	}
	// One edit of a group moves Clusters whose names sort far apart.
	for _, cl := range []string{"zz", "aa", "mm"} {
		createCluster(t, c, cluster("ns", cl))
	}
	group := createGroup(t, c, "ns", "g", selector("no", "one"))
	grouped := bundle("ns", "grouped")
	grouped.Spec.Targets = onGroup("g")
	createBundle(t, c, grouped)

	before := s.revision(t)
	client := s.resource(t, "bundledeployments", "")
	w := watching(t, client, metav1.ListOptions{ResourceVersion: whole(before)})
	label(t, c, "ns", "mm", "env", "prod")
	group.Spec.Selector = selector()
	_, err := c.FleetV1alpha1().ClusterGroups("ns").Update(t.Context(), group, metav1.UpdateOptions{})
	require.NoError(t, err)
	label(t, c, "ns", "mm", "env", "test")
	createBundle(t, c, bundle("ns", "mark", "no", "one")) // for no Cluster

	var all []event
	for range bundles + 3 + bundles {
		e, _ := w.next()
		all = append(all, e)
	}
	for i, e := range all {
		switch {
		case i < bundles:
			require.Equal(t, event{watch.Added, home("ns", "mm"), name("app", i), place(before+1, bundles-1-i)}, e)
		case i < bundles+3:
			require.Equal(t, event{watch.Added, home("ns", []string{"aa", "mm", "zz"}[i-bundles]), "grouped", place(before+2, bundles+3-1-i)}, e)
		default:
			require.Equal(t, event{watch.Deleted, home("ns", "mm"), name("app", i-bundles-3), place(before+3, len(all)-1-i)}, e)
		}
	}
	// A client that got a part of a revision gets the rest of it.
	for _, got := range []int{1, 7, bundles, bundles + 1, bundles + 3, bundles + 5, len(all)} {
		again := watching(t, client, metav1.ListOptions{ResourceVersion: all[got-1].Revision})
		for _, want := range all[got:] {
			e, _ := again.next()
			require.Equal(t, want, e)
		}
		again.Stop()
		// No server keeps the state within a revision.
		_, err := client.List(t.Context(), metav1.ListOptions{ResourceVersion: all[got-1].Revision, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
		if all[got-1].Revision == whole(revisionOf(t, all[got-1].Revision)) {
			require.NoError(t, err)
		} else {
			require.True(t, apierrors.IsResourceExpired(err), "%v", err)
		}
	}
	narrow := watching(t, s.resource(t, "bundledeployments", home("ns", "zz")), metav1.ListOptions{ResourceVersion: whole(before + 2)})
	narrow.quietUntil(func() { label(t, c, "ns", "zz", "env", "prod") }, watch.Added, "app-000")
}
