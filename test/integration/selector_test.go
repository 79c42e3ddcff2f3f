// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

// filter is the oracle of selectors: it looks at every item.
func filter(t *testing.T, items []unstructured.Unstructured, options metav1.ListOptions) []unstructured.Unstructured {
	t.Helper()
	byLabel, err := labels.Parse(options.LabelSelector)
	require.NoError(t, err)
	byField, err := fields.ParseSelector(options.FieldSelector)
	require.NoError(t, err)
	out := []unstructured.Unstructured{}
	for _, item := range items {
		named := fields.Set{"metadata.name": item.GetName(), "metadata.namespace": item.GetNamespace()}
		if byLabel.Matches(labels.Set(item.GetLabels())) && byField.Matches(named) {
			out = append(out, item)
		}
	}
	return out
}

// varied creates a fleet whose BundleDeployments have many labels.
func varied(t *testing.T, s *server, ns string) {
	t.Helper()
	c := s.clientset(t)
	for i := range 4 {
		b := bundle(ns, name("app", i))
		b.Labels = map[string]string{"team": fmt.Sprint("t", i%2), "fleet.cattle.io/repo-name": "repo"}
		if i == 3 {
			b.Labels["special"] = ""
		}
		createBundle(t, c, b)
		// A Bundle with the same name in another namespace makes the names alone ambiguous.
		createBundle(t, c, bundle(ns+"-x", name("app", i)))
	}
	for i := range 6 {
		createCluster(t, c, cluster(ns, name("c", i)))
		createCluster(t, c, cluster(ns+"-x", name("c", i)))
	}
}

func selections(ns string) map[string]metav1.ListOptions {
	join := func(parts ...string) string { return strings.Join(parts, ",") }
	return map[string]metav1.ListOptions{
		"a Bundle by both labels":                        {LabelSelector: join(v1alpha1.LabelBundleName+"=app-001", v1alpha1.LabelBundleNamespace+"="+ns)},
		"a Bundle by both labels as sets":                {LabelSelector: join(v1alpha1.LabelBundleName+" in (app-001)", v1alpha1.LabelBundleNamespace+" in ("+ns+")")},
		"a Bundle by its name alone":                     {LabelSelector: v1alpha1.LabelBundleName + "=app-001"},
		"a Cluster by both labels":                       {LabelSelector: join(v1alpha1.LabelCluster+"=c-002", v1alpha1.LabelClusterNamespace+"="+ns)},
		"a Cluster by its name alone":                    {LabelSelector: v1alpha1.LabelCluster + "=c-002"},
		"a Bundle on a Cluster":                          {LabelSelector: join(v1alpha1.LabelBundleName+"=app-001", v1alpha1.LabelBundleNamespace+"="+ns, v1alpha1.LabelCluster+"=c-002", v1alpha1.LabelClusterNamespace+"="+ns)},
		"a Bundle that does not exist":                   {LabelSelector: join(v1alpha1.LabelBundleName+"=none", v1alpha1.LabelBundleNamespace+"="+ns)},
		"a Cluster that does not exist":                  {LabelSelector: join(v1alpha1.LabelCluster+"=none", v1alpha1.LabelClusterNamespace+"="+ns)},
		"some Bundles":                                   {LabelSelector: v1alpha1.LabelBundleName + " in (app-000,app-003)," + v1alpha1.LabelBundleNamespace + "=" + ns},
		"all but some Clusters":                          {LabelSelector: v1alpha1.LabelCluster + " notin (c-000,c-003)"},
		"a label that some have":                         {LabelSelector: "special"},
		"a label that some lack":                         {LabelSelector: "!special"},
		"a label of no text":                             {LabelSelector: "special="},
		"a Bundle's own label":                           {LabelSelector: "team=t1"},
		"a label that contradicts":                       {LabelSelector: "team=t1,team=t0"},
		"a name":                                         {FieldSelector: "metadata.name=app-002"},
		"any other name":                                 {FieldSelector: "metadata.name!=app-002"},
		"a namespace":                                    {FieldSelector: "metadata.namespace=" + home(ns, "c-001")},
		"any other namespace":                            {FieldSelector: "metadata.namespace!=" + home(ns, "c-001")},
		"a name in a namespace":                          {FieldSelector: "metadata.name=app-002,metadata.namespace=" + home(ns, "c-001")},
		"a namespace, and another's Cluster":             {FieldSelector: "metadata.namespace=" + home(ns, "c-001"), LabelSelector: join(v1alpha1.LabelCluster+"=c-002", v1alpha1.LabelClusterNamespace+"="+ns)},
		"a namespace, and its Cluster":                   {FieldSelector: "metadata.namespace=" + home(ns, "c-001"), LabelSelector: join(v1alpha1.LabelCluster+"=c-001", v1alpha1.LabelClusterNamespace+"="+ns)},
		"a name, and a Bundle":                           {FieldSelector: "metadata.name=app-002", LabelSelector: join(v1alpha1.LabelBundleName+"=app-002", v1alpha1.LabelBundleNamespace+"="+ns)},
		"nothing is selected":                            {},
		"a Cluster's own name as a field":                {FieldSelector: "metadata.name=c-001"},
		"a Cluster's namespace as a field":               {FieldSelector: "metadata.namespace=" + ns},
		"a namespace that continues the name of another": {FieldSelector: "metadata.namespace=" + ns + "-x"},
	}
}

func TestSelectorsEqualAFilterOfEverything(t *testing.T) {
	t.Parallel()
	s := own(t)
	varied(t, s, "ns")
	for _, plural := range []string{"bundledeployments", "clusters"} {
		for _, where := range []string{"", "ns", home("ns", "c-001")} {
			client := s.resource(t, plural, where)
			all := listOf(t, client)
			for title, options := range selections("ns") {
				t.Run(plural+" in "+where+": "+title, func(t *testing.T) {
					t.Parallel()
					want := filter(t, all.Items, options)
					got := listOf(t, client, options)
					require.Equal(t, keys(want), keys(got.Items))
					require.Equal(t, want, append([]unstructured.Unstructured{}, got.Items...))
					for _, limit := range []int64{1, 3} {
						options.Limit = limit
						paged, _ := pages(t, client, options, func() {})
						require.Equal(t, keys(want), keys(paged), "limit %d", limit)
					}
					// A watch selects as a list does.
					from := initial("")
					from.LabelSelector, from.FieldSelector = options.LabelSelector, options.FieldSelector
					added, _ := watching(t, client, from).untilBookmark()
					require.Len(t, added, len(want))
					for i := range added {
						require.Equal(t, want[i], *added[i])
					}
				})
			}
		}
	}
}

func TestRandomSelectorsEqualAFilterOfEverything(t *testing.T) {
	t.Parallel()
	s, r := own(t), replay.Rand(t)
	varied(t, s, "ns")
	client := s.resource(t, "bundledeployments", "")
	all := listOf(t, client)
	require.NotEmpty(t, all.Items)
	for range 150 {
		options := metav1.ListOptions{LabelSelector: randomSelector(r, all.Items)}
		if r.IntN(4) == 0 {
			options.FieldSelector = "metadata.namespace=" + all.Items[r.IntN(len(all.Items))].GetNamespace()
		}
		want := keys(filter(t, all.Items, options))
		got := listOf(t, client, options).Items
		if options.Limit = int64(r.IntN(6)); options.Limit > 0 {
			got, _ = pages(t, client, options, func() {})
		}
		require.Equal(t, want, keys(got), "%+v", options)
	}
}

// randomSelector returns up to four requirements on labels that occur.
func randomSelector(r *rand.Rand, items []unstructured.Unstructured) string {
	var out []string
	for range 1 + r.IntN(4) {
		pairs := strings.Split(labels.Set(items[r.IntN(len(items))].GetLabels()).String(), ",")
		key, value, _ := strings.Cut(pairs[r.IntN(len(pairs))], "=")
		out = append(out, []string{
			key + "=" + value, key + "!=" + value, key, "!" + key,
			key + " in (" + value + ",other)", key + " notin (" + value + ")",
		}[r.IntN(6)])
	}
	return strings.Join(out, ",")
}

func TestAFieldThatCannotBeSelectedIsRefused(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for _, plural := range []string{"bundledeployments", "clusters", "contents"} {
		for _, field := range []string{"spec.deploymentID=x", "status.display.state=Ready", "metadata.uid=1", "nonsense=1"} {
			_, err := s.resource(t, plural, "").List(t.Context(), metav1.ListOptions{FieldSelector: field})
			require.True(t, apierrors.IsBadRequest(err), "%s %s: %v", plural, field, err)
			require.ErrorContains(t, err, strings.Split(field, "=")[0])
		}
		_, err := s.resource(t, plural, "").List(t.Context(), metav1.ListOptions{LabelSelector: "a in ("})
		require.True(t, apierrors.IsBadRequest(err), "%v", err)
	}
}
