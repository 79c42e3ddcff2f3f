// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// aged returns a fleet whose oldest history is compacted.
func aged(t *testing.T) (f *fleet, compacted, past int64) {
	t.Helper()
	f = grownFleet(t)
	compacted = f.setCluster("c2", "test")
	begin := f.setCluster("c2", "prod")
	f.compact(begin)
	past = f.setCluster("c1", "test")
	f.setCluster("c4", "prod")
	f.deleteCluster("c3")
	f.setBundle("app", "prod", "blue")
	return f, compacted, past
}

func TestGetsOfBundleDeployments(t *testing.T) {
	t.Parallel()
	f, compacted, past := aged(t)
	future := f.present() + 1_000_000
	for _, c := range []struct {
		name, key, resourceVersion string
		ignore                     bool
		want                       string // "", "missing", "empty" or "too large"
	}{
		{"no resourceVersion", keyOf("c2", "app"), "", false, ""},
		{"any", keyOf("c2", "app"), "0", false, ""},
		{"not older than some past", keyOf("c2", "app"), text(past), false, ""},
		{"not older than a compacted revision", keyOf("c2", "app"), text(compacted), false, ""},
		{"not older than the present", keyOf("c2", "app"), text(f.present()), false, ""},
		{"from the future", keyOf("c2", "app"), text(future), false, "too large"},
		{"a missing one, from the future", keyOf("c9", "app"), text(future), true, "too large"},
		{"a missing one", keyOf("c9", "app"), "", false, "missing"},
		{"a deleted one", keyOf("c3", "app"), "", false, "missing"},
		{"a deleted one, from a revision that had it", keyOf("c1", "app"), text(past - 1), false, "missing"},
		{"a missing one, ignored", keyOf("c9", "app"), "", true, "empty"},
		{"a name that another begins with", keyOf("c2", "ap"), "", false, "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := &v1alpha1.BundleDeployment{}
			err := f.deployments.Get(t.Context(), c.key, storage.GetOptions{ResourceVersion: c.resourceVersion, IgnoreNotFound: c.ignore}, out)
			switch c.want {
			case "missing":
				require.True(t, storage.IsNotFound(err), "%v", err)
			case "too large":
				requireTooLarge(t, err)
			case "empty":
				require.NoError(t, err)
				require.Equal(t, &v1alpha1.BundleDeployment{}, out)
			default:
				require.NoError(t, err)
				require.Equal(t, c.key, keyOfObject(out))
			}
		})
	}
}

// TestListsOfBundleDeployments covers the whole table: the key that is listed, the
// revision, the limit and the selection.
func TestListsOfBundleDeployments(t *testing.T) {
	t.Parallel()
	f, compacted, past := aged(t)
	present := f.present()
	type scope struct{ key, namespace string }
	scopes := map[string]scope{
		"everything": {everything, ""}, "a namespace": {everything + "/" + home("c2"), home("c2")},
		"an empty namespace": {everything + "/" + home("c3"), home("c3")}, "no namespace": {everything + "/" + home("c2")[:10], "none"},
	}
	revisions := map[string]int64{"unset": -1, "0": 0, "compacted": compacted, "past": past, "present": present}
	matches := []metav1.ResourceVersionMatch{"", metav1.ResourceVersionMatchNotOlderThan, metav1.ResourceVersionMatchExact}
	for called, revision := range revisions {
		for _, match := range matches {
			if match != "" && revision < 0 || match == metav1.ResourceVersionMatchExact && revision == 0 {
				continue // refused before it comes to the store
			}
			for _, limit := range []int64{0, 1, 2, 100} {
				for where, in := range scopes {
					for _, team := range []string{"", "blue", "none"} {
						t.Run(fmt.Sprintf("%s,%s,limit %d,%s,team %s", called, match, limit, where, team), func(t *testing.T) {
							t.Parallel()
							options := storage.ListOptions{ResourceVersionMatch: match, Predicate: selecting(team, "")}
							options.Predicate.Limit = limit
							if revision >= 0 {
								options.ResourceVersion = text(revision)
							}
							exact := match == metav1.ResourceVersionMatchExact || match == "" && limit > 0 && revision > 0
							page, err := f.list(in.key, options)
							if exact && revision == compacted {
								require.Empty(t, requireExpired(t, err).Continue, "there is nothing to continue with")
								return
							}
							require.NoError(t, err)
							from := f.number(page.ResourceVersion)
							if exact {
								require.Equal(t, revision, from)
							} else {
								require.Equal(t, present, from, "nothing was written in the meantime")
							}
							requirePages(t, f, in.key, options, page, f.at(from, in.namespace, team), team == "")
						})
					}
				}
			}
		}
	}
}

// Each of these waits for a while, so all run at once.
func TestAListFromTheFutureIsTooLarge(t *testing.T) {
	t.Parallel()
	f := grownFleet(t)
	future := text(f.present() + 1_000_000)
	var asked sync.WaitGroup
	var mu sync.Mutex
	refused := map[string]error{}
	for _, match := range []metav1.ResourceVersionMatch{"", metav1.ResourceVersionMatchNotOlderThan, metav1.ResourceVersionMatchExact} {
		for _, limit := range []int64{0, 2} {
			for _, key := range []string{everything, everything + "/" + home("c2"), everything + "/" + home("none")} {
				asked.Go(func() {
					options := storage.ListOptions{ResourceVersion: future, ResourceVersionMatch: match, Predicate: selecting("", "")}
					options.Predicate.Limit = limit
					_, err := f.list(key, options)
					mu.Lock()
					defer mu.Unlock()
					refused[fmt.Sprintf("%s,limit %d,%s", match, limit, key)] = err
				})
			}
		}
	}
	asked.Wait()
	require.Len(t, refused, 18)
	for name, err := range refused {
		t.Log(name)
		requireTooLarge(t, err)
	}
}

// requirePages reads the pages after one, and compares all of them.
func requirePages(t *testing.T, f *fleet, key string, options storage.ListOptions, page *v1alpha1.BundleDeploymentList, want []string, counted bool) {
	t.Helper()
	got, first := []string{}, page.ResourceVersion
	for {
		got = append(got, keysOf(page)...)
		require.Equal(t, first, page.ResourceVersion, "pages are of one state")
		if options.Predicate.Limit > 0 {
			require.LessOrEqual(t, len(page.Items), int(options.Predicate.Limit))
		}
		if page.Continue == "" {
			require.Nil(t, page.RemainingItemCount)
			require.Equal(t, want, got)
			return
		}
		require.Len(t, page.Items, int(options.Predicate.Limit), "a page that is not the last is full")
		if counted {
			require.NotNil(t, page.RemainingItemCount)
			require.EqualValues(t, len(want)-len(got), *page.RemainingItemCount)
		} else {
			require.Nil(t, page.RemainingItemCount, "a selection is not counted")
		}
		options.ResourceVersion, options.ResourceVersionMatch, options.Predicate.Continue = "", "", page.Continue
		next, err := f.list(key, options)
		require.NoError(t, err)
		page = next
	}
}

func TestAListOfOneKeyHoldsOnlyThatKey(t *testing.T) {
	t.Parallel()
	f := grownFleet(t)
	f.setBundle("ap", "prod", "red")
	f.setBundle("app1", "prod", "red")
	for _, c := range []struct {
		name, key string
		recursive bool
		field     string
		want      []string
	}{
		{"one", keyOf("c1", "app"), false, "", []string{keyOf("c1", "app")}},
		{"one, selected", keyOf("c1", "app"), false, "metadata.name=app", []string{keyOf("c1", "app")}},
		{"one, not selected", keyOf("c1", "app"), false, "metadata.name=ap", []string{}},
		{"none", keyOf("c1", "missing"), false, "", []string{}},
		{"a name is not a prefix", keyOf("c1", "app"), true, "", []string{}},
		{"a namespace is not a prefix", everything + "/" + home("c1")[:12], true, "", []string{}},
		{"a slash at the end changes nothing", everything + "/" + home("c1") + "/", true, "", f.at(f.present(), home("c1"), "")},
		{"one name everywhere", everything, true, "metadata.name=app", []string{keyOf("c1", "app"), keyOf("c2", "app"), keyOf("c3", "app")}},
		{"one namespace by selection", everything, true, "metadata.namespace=" + home("c2"), f.at(f.present(), home("c2"), "")},
		{"one namespace inside another", everything + "/" + home("c1"), true, "metadata.namespace=" + home("c2"), []string{}},
		{"all but one namespace", everything, true, "metadata.namespace!=" + home("c2") + ",metadata.name=web", []string{keyOf("c1", "web"), keyOf("c3", "web")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := &v1alpha1.BundleDeploymentList{}
			require.NoError(t, f.deployments.GetList(t.Context(), c.key, storage.ListOptions{Recursive: c.recursive, Predicate: selecting("", c.field)}, out))
			require.Equal(t, c.want, keysOf(out))
			require.Equal(t, text(f.present()), out.ResourceVersion)
		})
	}
}

func TestAPageContinuesUntilARareObjectIsFound(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for i := range 40 {
		f.setCluster(fmt.Sprintf("c%02d", i), "prod")
	}
	f.setCluster("c20", "rare")
	f.setBundle("app", "prod", "red")
	f.setBundle("needle", "rare", "blue")
	options := storage.ListOptions{Predicate: selecting("blue", "")}
	options.Predicate.Limit = 1
	page, err := f.list(everything, options)
	require.NoError(t, err)
	require.Equal(t, []string{keyOf("c20", "needle")}, keysOf(page))
	requirePages(t, f, everything, options, page, []string{keyOf("c20", "needle")}, false)
}

func TestATokenOutlivesWritesButNotCompaction(t *testing.T) {
	t.Parallel()
	f := grownFleet(t)
	options := storage.ListOptions{Predicate: selecting("", "")}
	options.Predicate.Limit = 2
	before := f.present()
	first, err := f.list(everything, options)
	require.NoError(t, err)
	// One is before the place where the list stopped, one after it.
	f.deleteCluster("c1")
	f.setCluster("c4", "prod")
	requirePages(t, f, everything, options, first, f.at(before, "", ""), true)

	f.compact(f.setCluster("c5", "test"))
	options.Predicate.Continue = first.Continue
	_, err = f.list(everything, options)
	status := requireExpired(t, err)
	require.NotEmpty(t, status.Continue)
	options.Predicate.Continue = status.Continue
	rest, err := f.list(everything, options)
	require.NoError(t, err)
	require.Equal(t, text(f.present()), rest.ResourceVersion, "the rest is of the current state")
	last := keysOf(first)[len(first.Items)-1]
	want := []string{}
	for _, key := range f.at(f.present(), "", "") {
		if key > last {
			want = append(want, key)
		}
	}
	requirePages(t, f, everything, options, rest, want, true)
}
