// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// keys returns the namespaced names of a list.
func keys(items []unstructured.Unstructured) []string {
	out := make([]string, len(items))
	for i := range items {
		out[i] = items[i].GetNamespace() + "/" + items[i].GetName()
	}
	return out
}

// pages lists in pages, and calls between after each page.
func pages(t *testing.T, c dynamic.ResourceInterface, options metav1.ListOptions, between func()) (items []unstructured.Unstructured, revisions []string) {
	t.Helper()
	for {
		page := listOf(t, c, options)
		items = append(items, page.Items...)
		revisions = append(revisions, page.GetResourceVersion())
		require.LessOrEqual(t, len(page.Items), int(options.Limit))
		options.Continue = page.GetContinue()
		options.ResourceVersion, options.ResourceVersionMatch = "", ""
		if options.Continue == "" {
			return items, revisions
		}
		between()
	}
}

// grown creates a fleet of eleven Clusters with three Bundles each.
func grown(t *testing.T, c versioned.Interface, ns string) {
	t.Helper()
	for _, b := range []string{"app", "db", "web"} {
		createBundle(t, c, bundle(ns, b, "env", "prod"))
	}
	for i := range 11 {
		createCluster(t, c, cluster(ns, name("c", i), "env", "prod"))
	}
}

func TestPagesAreOneConsistentList(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	grown(t, c, "ns")
	for _, plural := range []string{"bundledeployments", "clusters", "bundles"} {
		client := s.resource(t, plural, "")
		for _, limit := range []int64{1, 2, 7, 100} {
			want := listOf(t, client)
			require.True(t, slices.IsSortedFunc(want.Items, func(a, b unstructured.Unstructured) int {
				return cmp.Or(strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
			}))
			i := 0
			got, revisions := pages(t, client, metav1.ListOptions{Limit: limit}, func() {
				// Objects of past and future pages change, disappear, and appear again.
				i++
				label(t, c, "ns", name("c", i%11), "env", "none")
				label(t, c, "ns", name("c", (i+7)%11), "edit", name("e", i))
				label(t, c, "ns", name("c", i%11), "env", "prod")
			})
			require.Equal(t, want.Items, got, "%s, limit %d", plural, limit)
			for _, revision := range revisions {
				require.Equal(t, want.GetResourceVersion(), revision)
			}
		}
	}
}

func TestPagesOfOneNamespace(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	grown(t, s.clientset(t), ns)
	for plural, where := range map[string]string{"bundledeployments": home(ns, "c-004"), "clusters": ns} {
		client := s.resource(t, plural, where)
		got, _ := pages(t, client, metav1.ListOptions{Limit: 2}, func() {})
		require.Equal(t, listOf(t, client).Items, got)
	}
	// A token of one namespace, used in another, shows nothing of the first.
	first := listOf(t, s.resource(t, "bundledeployments", home(ns, "c-004")), metav1.ListOptions{Limit: 1})
	for _, i := range []int{3, 5} {
		other, err := s.resource(t, "bundledeployments", home(ns, name("c", i))).List(t.Context(), metav1.ListOptions{Limit: 10, Continue: first.GetContinue()})
		if err == nil {
			for _, item := range other.Items {
				require.Equal(t, home(ns, name("c", i)), item.GetNamespace())
			}
		}
	}
}

func TestRemainingItemsAreCountedUnlessSomethingIsSelected(t *testing.T) {
	t.Parallel()
	s := own(t)
	grown(t, s.clientset(t), "ns")
	client := s.resource(t, "bundledeployments", "")
	page := listOf(t, client, metav1.ListOptions{Limit: 10})
	require.EqualValues(t, 23, *page.GetRemainingItemCount())
	page = listOf(t, client, metav1.ListOptions{Limit: 10, Continue: page.GetContinue()})
	require.EqualValues(t, 13, *page.GetRemainingItemCount())
	page = listOf(t, client, metav1.ListOptions{Limit: 33})
	require.Nil(t, page.GetRemainingItemCount())
	require.Empty(t, page.GetContinue())
	page = listOf(t, client, metav1.ListOptions{Limit: 3, LabelSelector: "fleet.cattle.io/managed=true"})
	require.Nil(t, page.GetRemainingItemCount())
	require.NotEmpty(t, page.GetContinue())
}

func TestAnExpiredTokenOffersOneThatWorks(t *testing.T) {
	t.Parallel()
	s := short(t)
	c := s.clientset(t)
	grown(t, c, "ns")
	for _, plural := range []string{"bundledeployments", "clusters"} {
		client := s.resource(t, plural, "")
		first := listOf(t, client, metav1.ListOptions{Limit: 4})
		all := listOf(t, client)
		for i := range 10 {
			label(t, c, "ns", "c-010", "edit", name(plural, i))
		}
		_, err := client.List(t.Context(), metav1.ListOptions{Limit: 4, Continue: first.GetContinue()})
		require.True(t, apierrors.IsResourceExpired(err), "%v", err)
		status := err.(apierrors.APIStatus).Status()
		require.NotEmpty(t, status.Continue)
		rest, revisions := pages(t, client, metav1.ListOptions{Limit: 4, Continue: status.Continue}, func() {})
		require.Equal(t, keys(all.Items), append(keys(first.Items), keys(rest)...))
		require.Greater(t, number(t, revisions[0]), number(t, first.GetResourceVersion()))
	}
}

func TestAMalformedTokenIsRefused(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	grown(t, s.clientset(t), ns)
	for _, plural := range []string{"bundledeployments", "clusters", "contents"} {
		for _, token := range []string{"x", "e30", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiIuLi8uLi9hIn0"} {
			_, err := s.resource(t, plural, "").List(t.Context(), metav1.ListOptions{Limit: 1, Continue: token})
			require.True(t, apierrors.IsBadRequest(err), "%s %s: %v", plural, token, err)
		}
		first := listOf(t, s.resource(t, plural, ""), metav1.ListOptions{Limit: 1})
		_, err := s.resource(t, plural, "").List(t.Context(), metav1.ListOptions{Limit: 1, Continue: first.GetContinue(), ResourceVersion: "1"})
		require.True(t, apierrors.IsBadRequest(err), "%v", err)
	}
}
