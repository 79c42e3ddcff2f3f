// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// owners returns the field managers of an object, each with the subresource that it wrote.
func owners(o *unstructured.Unstructured) map[string]string {
	out := map[string]string{}
	for _, entry := range o.GetManagedFields() {
		out[entry.Manager] = entry.Subresource
	}
	return out
}

func TestEveryKindIsApplied(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		apply := func(o *unstructured.Unstructured, manager string, force bool) (*unstructured.Unstructured, error) {
			return c.Apply(t.Context(), "one", o, metav1.ApplyOptions{FieldManager: manager, Force: force})
		}
		one, err := apply(k.object("one"), "first", false)
		require.NoError(t, err)
		requireHolds(t, k.spec, body(one))
		require.EqualValues(t, 1, one.GetGeneration())
		require.Equal(t, map[string]string{"first": ""}, owners(one))
		w := watching(t, c, metav1.ListOptions{ResourceVersion: one.GetResourceVersion()})

		same, err := apply(k.object("one"), "first", false)
		require.NoError(t, err)
		require.Equal(t, one, same, "applying the same again changed something")

		two, err := apply(k.changed(k.object("one")), "first", false)
		require.NoError(t, err)
		requireHolds(t, k.other, body(two))
		require.EqualValues(t, 2, two.GetGeneration())
		require.Equal(t, two, w.expect(watch.Modified, "one"))

		_, err = apply(k.object("one"), "second", false)
		require.True(t, apierrors.IsConflict(err), "%v", err)
		require.ErrorContains(t, err, `"first"`)
		three, err := apply(k.object("one"), "second", true)
		require.NoError(t, err)
		requireHolds(t, k.spec, body(three))
		require.Contains(t, owners(three), "second")
		require.Equal(t, three, w.expect(watch.Modified, "one"))

		stale := k.changed(k.object("one"))
		stale.SetResourceVersion(one.GetResourceVersion())
		_, err = apply(stale, "second", true)
		require.True(t, apierrors.IsConflict(err), "%v", err)
		w.quietUntil(func() { create(t, c, k.object("mark")) }, watch.Added, "mark")
	})
}

func TestTheStatusOfEveryKindIsApplied(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		if k.status == nil {
			return
		}
		one, err := c.Apply(t.Context(), "one", k.object("one"), metav1.ApplyOptions{FieldManager: "author"})
		require.NoError(t, err)
		w := watching(t, c, metav1.ListOptions{ResourceVersion: one.GetResourceVersion()})
		bare := &unstructured.Unstructured{Object: map[string]any{}}
		bare.SetGroupVersionKind(k.GroupVersionKind())
		bare.SetName("one")
		sent := k.reported(bare)

		two, err := c.ApplyStatus(t.Context(), "one", sent, metav1.ApplyOptions{FieldManager: "reporter"})
		require.NoError(t, err)
		require.Equal(t, map[string]string{"author": "", "reporter": "status"}, owners(two))
		require.Equal(t, body(one), body(two), "an apply of the status took something away")
		require.Equal(t, two, w.expect(watch.Modified, "one"))
		same, err := c.ApplyStatus(t.Context(), "one", sent, metav1.ApplyOptions{FieldManager: "reporter"})
		require.NoError(t, err)
		require.Equal(t, two, same)

		// Each manager keeps its fields when the other applies again.
		three, err := c.Apply(t.Context(), "one", k.changed(k.object("one")), metav1.ApplyOptions{FieldManager: "author"})
		require.NoError(t, err)
		require.Equal(t, facts(two), facts(three))
		require.Equal(t, owners(two), owners(three))
		require.Equal(t, three, w.expect(watch.Modified, "one"))

		_, err = c.ApplyStatus(t.Context(), "absent", func() *unstructured.Unstructured {
			o := sent.DeepCopy()
			o.SetName("absent")
			return o
		}(), metav1.ApplyOptions{FieldManager: "reporter"})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		w.quietUntil(func() { create(t, c, k.object("mark")) }, watch.Added, "mark")
	})
}
