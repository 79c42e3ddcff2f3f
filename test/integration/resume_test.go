// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func TestTheEventsOfOneRevisionAreContiguousOrderedAndRepeatedOnResume(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	const bundles = 40
	for i := range bundles {
		createBundle(t, c, bundle("ns", name("app", (i*17)%bundles), "env", "prod"))
	}
	// One edit of a group moves the Clusters of two namespaces' worth of names.
	for _, cl := range []string{"zz", "aa", "mm"} {
		createCluster(t, c, cluster("ns", cl))
	}
	group := &v1alpha1.ClusterGroup{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "g"}}
	group.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"no": "one"}}
	group, err := c.FleetV1alpha1().ClusterGroups("ns").Create(t.Context(), group, metav1.CreateOptions{})
	require.NoError(t, err)
	grouped := bundle("ns", "grouped")
	grouped.Spec.Targets = []v1alpha1.BundleTarget{{ClusterGroup: "g"}}
	createBundle(t, c, grouped)

	before := s.revision(t)
	client := s.resource(t, "bundledeployments", "")
	w := watching(t, client, metav1.ListOptions{ResourceVersion: strconv.FormatInt(before, 10)})
	label(t, c, "ns", "mm", "env", "prod")
	group.Spec.Selector = &metav1.LabelSelector{}
	_, err = c.FleetV1alpha1().ClusterGroups("ns").Update(t.Context(), group, metav1.UpdateOptions{})
	require.NoError(t, err)
	label(t, c, "ns", "mm", "env", "test")
	createBundle(t, c, bundle("ns", "mark", "no", "one")) // no Cluster has it

	var all []event
	for range bundles + 3 + bundles {
		e, _ := w.next()
		all = append(all, e)
	}
	for i, e := range all {
		switch {
		case i < bundles:
			require.Equal(t, event{watch.Added, home("ns", "mm"), name("app", i), fmt.Sprint(before + 1)}, e)
		case i < bundles+3:
			require.Equal(t, event{watch.Added, home("ns", []string{"aa", "mm", "zz"}[i-bundles]), "grouped", fmt.Sprint(before + 2)}, e)
		default:
			require.Equal(t, event{watch.Deleted, home("ns", "mm"), name("app", i-bundles-3), fmt.Sprint(before + 3)}, e)
		}
	}
	// A client that got only some of a revision gets all of it again.
	for _, got := range []int{1, 7, bundles, bundles + 1, bundles + 3, bundles + 5, len(all)} {
		at := all[got-1].Revision
		from := slices.IndexFunc(all, func(e event) bool { return e.Revision == at })
		again := watching(t, client, metav1.ListOptions{ResourceVersion: at})
		for _, want := range all[from:] {
			e, _ := again.next()
			require.Equal(t, want, e)
		}
		again.Stop()
	}
	// Where one thing happened, there is nothing to repeat.
	narrow := watching(t, s.resource(t, "bundledeployments", home("ns", "zz")), metav1.ListOptions{ResourceVersion: fmt.Sprint(before + 2)})
	narrow.quietUntil(func() { label(t, c, "ns", "zz", "env", "prod") }, watch.Added, "app-000")
}
