// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// history holds the lists of a resource after every step.
type history struct {
	client dynamic.ResourceInterface // cluster-wide
	lists  []*unstructured.UnstructuredList
}

func (h *history) note(t *testing.T) {
	t.Helper()
	h.lists = append(h.lists, listOf(t, h.client))
}

func (h *history) last() *unstructured.UnstructuredList { return h.lists[len(h.lists)-1] }

// histories makes Clusters and BundleDeployments change, on a server that no other test
// changes.
func histories(t *testing.T, s *server) map[string]*history {
	t.Helper()
	out := map[string]*history{}
	for _, plural := range []string{"bundledeployments", "clusters"} {
		out[plural] = &history{client: s.resource(t, plural, "")}
	}
	note := func() {
		for _, h := range out {
			h.note(t)
		}
	}
	c := s.clientset(t)
	createBundle(t, c, bundle("ns", "app", "env", "prod"))
	createBundle(t, c, bundle("ns", "db", "env", "prod"))
	for i := range 4 {
		createCluster(t, c, cluster("ns", name("c", i), "env", "prod"))
		note()
	}
	for i := range 4 {
		label(t, c, "ns", name("c", i), "env", "test")
		note()
		label(t, c, "ns", name("c", i), "env", "prod")
		note()
	}
	// At the end one object changes, and not several at once: a watch that begins there
	// repeats nothing.
	label(t, c, "ns", "c-000", "colour", "red")
	note()
	return out
}

func requireTooLarge(t *testing.T, err error) {
	t.Helper()
	require.True(t, apierrors.IsTimeout(err), "%v", err)
	require.True(t, apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge), "%v", err)
	after, ok := apierrors.SuggestsClientDelay(err)
	require.True(t, ok)
	require.Equal(t, 1, after)
}

func TestListsAnswerTheResourceVersionAskedFor(t *testing.T) {
	t.Parallel()
	s := own(t)
	for plural, h := range histories(t, s) {
		old, now := h.lists[5], h.last()
		future := strconv.FormatInt(number(t, now.GetResourceVersion())+1000<<view.PlaceBits, 10)
		for title, query := range map[string]url.Values{
			"a future revision":                       {"resourceVersion": {future}},
			"a future revision with a limit":          {"resourceVersion": {future}, "limit": {"1"}},
			"a future revision, exactly,":             {"resourceVersion": {future}, "resourceVersionMatch": {"Exact"}},
			"a list not older than a future revision": {"resourceVersion": {future}, "resourceVersionMatch": {"NotOlderThan"}},
		} {
			t.Run(plural+": "+title+" is too large", func(t *testing.T) {
				t.Parallel()
				requireTooLarge(t, s.once(t, apiRoot+"/"+plural, query))
			})
		}
		require.NotEqual(t, old.Items, now.Items)
		exact, notOlder := metav1.ResourceVersionMatchExact, metav1.ResourceVersionMatchNotOlderThan
		for title, c := range map[string]struct {
			revision string
			match    metav1.ResourceVersionMatch
			limit    int64
			want     *unstructured.UnstructuredList // nil: an error, for which refused returns true
			refused  func(error) bool
		}{
			"unset is the current state":                     {"", "", 0, now, nil},
			"unset with a limit is the current state":        {"", "", 100, now, nil},
			"0 is any state":                                 {"0", "", 0, now, nil},
			"0 with a limit is any state":                    {"0", "", 100, now, nil},
			"not older than 0 is any state":                  {"0", notOlder, 0, now, nil},
			"a past revision is a lower bound":               {old.GetResourceVersion(), "", 0, now, nil},
			"a past revision and not older is a lower bound": {old.GetResourceVersion(), notOlder, 0, now, nil},
			"not older with a limit is a lower bound":        {old.GetResourceVersion(), notOlder, 100, now, nil},
			"exact is the past":                              {old.GetResourceVersion(), exact, 0, old, nil},
			"exact with a limit is the past":                 {old.GetResourceVersion(), exact, 100, old, nil},
			"a past revision with a limit is exact":          {old.GetResourceVersion(), "", 100, old, nil},
			"the current revision, exactly":                  {now.GetResourceVersion(), exact, 0, now, nil},
			"text is not a revision":                         {"abc", "", 0, nil, isMalformed},
			"exactly 0 makes no sense":                       {"0", exact, 0, nil, apierrors.IsInvalid},
			"a match needs a revision":                       {"", exact, 0, nil, apierrors.IsInvalid},
			"exactly within a revision": {strconv.FormatInt(number(t, now.GetResourceVersion())-1, 10), exact, 0, nil, func(err error) bool {
				return apierrors.IsResourceExpired(err) && strings.Contains(err.Error(), "list at exactly "+now.GetResourceVersion()+", or without")
			}},
		} {
			t.Run(plural+": "+title, func(t *testing.T) {
				t.Parallel()
				got, err := h.client.List(t.Context(), metav1.ListOptions{ResourceVersion: c.revision, ResourceVersionMatch: c.match, Limit: c.limit})
				if c.want == nil {
					require.True(t, c.refused(err), "%v", err)
					return
				}
				require.NoError(t, err)
				require.Equal(t, c.want.GetResourceVersion(), got.GetResourceVersion())
				require.Equal(t, c.want.Items, got.Items)
			})
		}
		t.Run(plural+": every past list can be read again", func(t *testing.T) {
			t.Parallel()
			for _, then := range h.lists {
				got := listOf(t, h.client, metav1.ListOptions{ResourceVersion: then.GetResourceVersion(), ResourceVersionMatch: exact})
				require.Equal(t, then.GetResourceVersion(), got.GetResourceVersion())
				require.Equal(t, then.Items, got.Items)
			}
		})
	}
}

func TestGetsAnswerTheResourceVersionAskedFor(t *testing.T) {
	t.Parallel()
	s := own(t)
	for plural, h := range histories(t, s) {
		now := h.last().Items[0]
		client := s.resource(t, plural, now.GetNamespace())
		future := strconv.FormatInt(number(t, h.last().GetResourceVersion())+1000<<view.PlaceBits, 10)
		for title, revision := range map[string]string{
			"unset is the current state":      "",
			"0 is any state":                  "0",
			"the past is a bound":             h.lists[2].GetResourceVersion(),
			"the current revision is a bound": h.last().GetResourceVersion(),
			"the first one is a bound":        "1",
		} {
			t.Run(plural+": "+title, func(t *testing.T) {
				t.Parallel()
				got, err := client.Get(t.Context(), now.GetName(), metav1.GetOptions{ResourceVersion: revision})
				require.NoError(t, err)
				require.Equal(t, now, *got)
				_, err = client.Get(t.Context(), "absent", metav1.GetOptions{ResourceVersion: revision})
				require.True(t, apierrors.IsNotFound(err), "%v", err)
			})
		}
		t.Run(plural+": the future is too large, even for an absent object", func(t *testing.T) {
			t.Parallel()
			for _, name := range []string{now.GetName(), "absent"} {
				requireTooLarge(t, s.once(t, apiRoot+"/namespaces/"+now.GetNamespace()+"/"+plural+"/"+name, url.Values{"resourceVersion": {future}}))
			}
		})
		t.Run(plural+": text is not a revision", func(t *testing.T) {
			t.Parallel()
			_, err := client.Get(t.Context(), now.GetName(), metav1.GetOptions{ResourceVersion: "abc"})
			require.True(t, isMalformed(err), "%v", err)
		})
	}
}

func isMalformed(err error) bool { return apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) }

// short starts a server with a history of few revisions, so that the past expires soon.
func short(t *testing.T) *server {
	t.Helper()
	return start(t, t.TempDir(), &engine.Options{History: view.Limits{Revisions: 8, Changes: 1000}})
}

func TestRevisionsBeyondTheHistoryAreExpired(t *testing.T) {
	t.Parallel()
	s := short(t)
	for plural, h := range histories(t, s) {
		t.Run(plural, func(t *testing.T) {
			t.Parallel()
			first := h.lists[0].GetResourceVersion()
			_, err := h.client.List(t.Context(), metav1.ListOptions{ResourceVersion: first, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
			require.True(t, apierrors.IsResourceExpired(err), "%v", err)
			_, err = h.client.List(t.Context(), metav1.ListOptions{ResourceVersion: first, Limit: 1})
			require.True(t, apierrors.IsResourceExpired(err), "%v", err)
			require.Equal(t, h.last().Items, listOf(t, h.client, metav1.ListOptions{ResourceVersion: first}).Items)

			status := watching(t, h.client, metav1.ListOptions{ResourceVersion: first}).status()
			require.Equal(t, metav1.StatusReasonExpired, status.Reason)
			require.EqualValues(t, 410, status.Code)
		})
	}
}

func TestAWatchFromTheFutureIsTooLarge(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for _, options := range []metav1.ListOptions{{ResourceVersion: notYet}, initial(notYet)} {
		status := watching(t, s.resource(t, "bundledeployments", ""), options).status()
		requireTooLarge(t, apierrors.FromObject(status))
		require.Contains(t, status.Message, notYet, "the version that was asked for")
	}
}
