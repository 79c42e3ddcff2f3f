// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

func TestEveryKindIsDeletedIfThePreconditionsHold(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		one := create(t, c, k.object("one"))
		two := update(t, c, k.changed(one))
		w := watching(t, c, metav1.ListOptions{ResourceVersion: two.GetResourceVersion()})
		remove := func(uid types.UID, revision string) error {
			p := &metav1.Preconditions{}
			if uid != "" {
				p.UID = &uid
			}
			if revision != "" {
				p.ResourceVersion = &revision
			}
			return c.Delete(t.Context(), "one", metav1.DeleteOptions{Preconditions: p})
		}
		require.True(t, apierrors.IsConflict(remove("other", "")))
		require.True(t, apierrors.IsConflict(remove("", one.GetResourceVersion())))
		require.True(t, apierrors.IsConflict(remove("", notYet)))
		require.NoError(t, remove(two.GetUID(), two.GetResourceVersion()))
		_, err := c.Get(t.Context(), "one", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		gone := w.expect(watch.Deleted, "one")
		require.Greater(t, number(t, gone.GetResourceVersion()), number(t, two.GetResourceVersion()))
		require.True(t, apierrors.IsNotFound(remove("", "")))

		again := create(t, c, k.object("one"))
		require.NotEqual(t, one.GetUID(), again.GetUID())
		require.EqualValues(t, 1, again.GetGeneration())
	})
}

func TestAReportInvalidatesTheResourceVersionOfADeletion(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		if k.status == nil {
			return
		}
		one := create(t, c, k.object("one"))
		two := updateStatus(t, c, k.reported(one))
		revision := one.GetResourceVersion()
		err := c.Delete(t.Context(), "one", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &revision}})
		require.True(t, apierrors.IsConflict(err), "%v", err)
		revision = two.GetResourceVersion()
		require.NoError(t, c.Delete(t.Context(), "one", metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &revision}}))
		// The next object with that name has no part of the report.
		again := create(t, c, k.object("one"))
		for field, reported := range k.status {
			value, _, _ := unstructured.NestedFieldNoCopy(again.Object, "status", field)
			require.NotEqual(t, reported, value)
		}
		updateStatus(t, c, k.reported(again))
	})
}

func TestFinalizersHoldADeletionBack(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		held := k.object("one")
		held.SetFinalizers([]string{"example.com/a", "example.com/b"})
		one := create(t, c, held)
		w := watching(t, c, metav1.ListOptions{ResourceVersion: one.GetResourceVersion()})
		require.NoError(t, c.Delete(t.Context(), "one", metav1.DeleteOptions{}))
		marked := w.expect(watch.Modified, "one")
		require.NotNil(t, marked.GetDeletionTimestamp())
		require.Equal(t, marked, get(t, c, "one"))
		require.NoError(t, c.Delete(t.Context(), "one", metav1.DeleteOptions{}), "a second deletion is the first")
		require.Equal(t, marked, get(t, c, "one"))

		finalize := func(list string) { merge(t, c, "one", `{"metadata":{"finalizers":`+list+`}}`) }
		finalize(`["example.com/b"]`)
		require.Equal(t, []string{"example.com/b"}, w.expect(watch.Modified, "one").GetFinalizers())
		_, err := c.Patch(t.Context(), "one", types.MergePatchType, []byte(`{"metadata":{"finalizers":["example.com/b","example.com/c"]}}`), metav1.PatchOptions{})
		require.True(t, apierrors.IsInvalid(err), "a finalizer was added to an object that is being deleted: %v", err)
		finalize(`null`)
		w.expect(watch.Deleted, "one")
		_, err = c.Get(t.Context(), "one", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
	})
}

func TestOnlyTheSelectedObjectsOfACollectionAreDeleted(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		for i := range 6 {
			o := k.object(name("o", i))
			o.SetLabels(map[string]string{"half": []string{"a", "b"}[i%2]})
			create(t, c, o)
		}
		left := func() (out []string) {
			for _, item := range listOf(t, c).Items {
				out = append(out, item.GetName())
			}
			return out
		}
		require.NoError(t, c.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "half=b"}))
		require.Equal(t, []string{"o-000", "o-002", "o-004"}, left())
		require.NoError(t, c.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name=o-002"}))
		require.Equal(t, []string{"o-000", "o-004"}, left())
		require.NoError(t, c.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
		require.Empty(t, left())
	})
}
