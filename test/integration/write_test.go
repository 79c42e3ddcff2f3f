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

func TestEveryKindIsCreated(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		made := create(t, c, k.object("one"))
		require.NotEmpty(t, made.GetUID())
		require.NotEmpty(t, made.GetResourceVersion())
		require.EqualValues(t, 1, made.GetGeneration())
		created := made.GetCreationTimestamp()
		require.False(t, created.IsZero())
		requireHolds(t, k.spec, body(made))
		require.Equal(t, made, get(t, c, "one"))

		_, err := c.Create(t.Context(), k.object("one"), metav1.CreateOptions{})
		require.True(t, apierrors.IsAlreadyExists(err), "%v", err)

		generated := k.object("")
		generated.SetGenerateName("gen-")
		first, second := create(t, c, generated), create(t, c, generated)
		require.Regexp(t, `^gen-[a-z0-9]{5,}$`, first.GetName())
		require.NotEqual(t, first.GetName(), second.GetName())

		reported := k.reported(k.object("two"))
		reported.SetResourceVersion("")
		two := create(t, c, reported)
		for field, sent := range k.status {
			value, _, _ := unstructured.NestedFieldNoCopy(two.Object, "status", field)
			require.NotEqual(t, sent, value, "the main endpoint accepted a status")
		}

		for _, bad := range []string{"Upper", "a_b", "-a", "a/b", ""} {
			_, err = c.Create(t.Context(), k.object(bad), metav1.CreateOptions{})
			require.True(t, apierrors.IsInvalid(err) || apierrors.IsBadRequest(err), "%q: %v", bad, err)
		}
	})
}

func TestEveryKindIsUpdated(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		one := create(t, c, k.object("one"))
		w := watching(t, c, metav1.ListOptions{ResourceVersion: one.GetResourceVersion()})

		require.Equal(t, one, update(t, c, one), "an update that changes nothing changed something")

		two := update(t, c, k.changed(one))
		require.EqualValues(t, 2, two.GetGeneration())
		requireHolds(t, k.other, body(two))
		require.Equal(t, two, w.expect(watch.Modified, "one"))

		_, err := c.Update(t.Context(), one, metav1.UpdateOptions{})
		require.True(t, apierrors.IsConflict(err), "%v", err)

		one.SetResourceVersion("")
		_, err = c.Update(t.Context(), one, metav1.UpdateOptions{})
		require.True(t, apierrors.IsInvalid(err), "%v", err)
		one.SetResourceVersion(two.GetResourceVersion())
		three := update(t, c, one)
		require.EqualValues(t, 3, three.GetGeneration())
		require.Equal(t, three, w.expect(watch.Modified, "one"))

		// A change of metadata does not change the generation.
		three.SetLabels(map[string]string{"a": "b"})
		four := update(t, c, three)
		require.EqualValues(t, 3, four.GetGeneration())
		require.Equal(t, four, w.expect(watch.Modified, "one"))

		// Fields that the server owns do not change.
		forged := four.DeepCopy()
		forged.SetGeneration(99)
		forged.SetCreationTimestamp(metav1.Unix(1, 0))
		require.Equal(t, four, update(t, c, forged))
		forged.SetUID("00000000-0000-0000-0000-000000000000")
		_, err = c.Update(t.Context(), forged, metav1.UpdateOptions{})
		require.True(t, apierrors.IsConflict(err), "%v", err)

		future := four.DeepCopy()
		future.SetResourceVersion(notYet)
		_, err = c.Update(t.Context(), k.changed(future), metav1.UpdateOptions{})
		require.True(t, apierrors.IsConflict(err), "a resourceVersion that never existed: %v", err)

		_, err = c.Update(t.Context(), k.object("absent"), metav1.UpdateOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
	})
}

func TestEveryKindIsPatched(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		one := create(t, c, k.object("one"))
		w := watching(t, c, metav1.ListOptions{ResourceVersion: one.GetResourceVersion()})
		patch := func(kind types.PatchType, body string) (*unstructured.Unstructured, error) {
			return c.Patch(t.Context(), "one", kind, []byte(body), metav1.PatchOptions{})
		}

		two, err := patch(types.MergePatchType, string(marshal(t, k.other)))
		require.NoError(t, err)
		require.EqualValues(t, 2, two.GetGeneration())
		require.Equal(t, two, w.expect(watch.Modified, "one"))
		same, err := patch(types.MergePatchType, string(marshal(t, k.other)))
		require.NoError(t, err)
		require.Equal(t, two, same)

		three, err := patch(types.JSONPatchType, `[{"op":"add","path":"/metadata/annotations","value":{"a":"b"}}]`)
		require.NoError(t, err)
		require.Equal(t, "b", three.GetAnnotations()["a"])
		require.EqualValues(t, 2, three.GetGeneration())
		require.Equal(t, three, w.expect(watch.Modified, "one"))
		same, err = patch(types.JSONPatchType, `[{"op":"test","path":"/metadata/annotations/a","value":"b"},{"op":"replace","path":"/metadata/annotations/a","value":"b"}]`)
		require.NoError(t, err)
		require.Equal(t, three, same)
		_, err = patch(types.JSONPatchType, `[{"op":"test","path":"/metadata/annotations/a","value":"c"}]`)
		require.Error(t, err)

		_, err = patch(types.MergePatchType, `{"metadata":{"resourceVersion":"`+one.GetResourceVersion()+`","labels":{"x":"y"}}}`)
		require.True(t, apierrors.IsConflict(err), "%v", err)
		_, err = patch(types.StrategicMergePatchType, `{}`)
		require.True(t, apierrors.IsUnsupportedMediaType(err), "%v", err)
		_, err = patch(types.MergePatchType, `{`)
		require.True(t, apierrors.IsBadRequest(err), "%v", err)
		_, err = c.Patch(t.Context(), "absent", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		w.quietUntil(func() { create(t, c, k.object("mark")) }, watch.Added, "mark")
	})
}

func TestTheStatusOfEveryKindIsSeparate(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		one := create(t, c, k.object("one"))
		if k.status == nil {
			// The endpoint may exist, but has nothing to keep.
			if k.StatusEndpoint {
				require.Equal(t, one, updateStatus(t, c, k.changed(one)))
				require.Equal(t, one, merge(t, c, "one", `{"status":{"a":"b"},"metadata":{"labels":{"a":"b"}}}`, "status"))
			}
			return
		}
		w := watching(t, c, metav1.ListOptions{ResourceVersion: one.GetResourceVersion()})

		// Only the status is accepted.
		sent := k.reported(k.changed(one))
		sent.SetLabels(map[string]string{"a": "b"})
		two := updateStatus(t, c, sent)
		require.Equal(t, body(one), body(two))
		require.Empty(t, two.GetLabels())
		require.EqualValues(t, 1, two.GetGeneration())
		for field, value := range k.status {
			got, _, _ := unstructured.NestedFieldNoCopy(two.Object, "status", field)
			require.EqualValues(t, value, got)
		}
		require.Equal(t, two, w.expect(watch.Modified, "one"))
		require.Equal(t, two, get(t, c, "one"))
		viaStatus, err := c.Get(t.Context(), "one", metav1.GetOptions{}, "status")
		require.NoError(t, err)
		require.Equal(t, two, viaStatus)

		// An update without a change does nothing.
		require.Equal(t, two, updateStatus(t, c, two))
		require.Equal(t, two, merge(t, c, "one", marshal(t, map[string]any{"status": k.status}), "status"))
		require.Equal(t, two, merge(t, c, "one", marshal(t, k.other), "status"))
		same, err := c.UpdateStatus(t.Context(), two, metav1.UpdateOptions{DryRun: []string{"All"}})
		require.NoError(t, err)
		require.Equal(t, two, same)

		// And the main endpoint ignores the status.
		bare := k.changed(two)
		delete(bare.Object, "status")
		three := update(t, c, bare)
		require.Equal(t, facts(two), facts(three))
		require.Equal(t, three, w.expect(watch.Modified, "one"))

		_, err = c.UpdateStatus(t.Context(), k.object("absent"), metav1.UpdateOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
	})
}

func TestADryRunOfAnyWriteChangesNothing(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		dry := []string{metav1.DryRunAll}
		one := create(t, c, k.object("one"))
		w := watching(t, c, metav1.ListOptions{ResourceVersion: one.GetResourceVersion()})

		made, err := c.Create(t.Context(), k.object("two"), metav1.CreateOptions{DryRun: dry})
		require.NoError(t, err)
		require.NotEmpty(t, made.GetUID())
		_, err = c.Create(t.Context(), k.object("one"), metav1.CreateOptions{DryRun: dry})
		require.True(t, apierrors.IsAlreadyExists(err), "%v", err)
		updated, err := c.Update(t.Context(), k.changed(one), metav1.UpdateOptions{DryRun: dry})
		require.NoError(t, err)
		require.EqualValues(t, 2, updated.GetGeneration())
		for kind, patch := range map[types.PatchType][]byte{
			types.MergePatchType: marshal(t, k.other),
			types.JSONPatchType:  []byte(`[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]`),
		} {
			patched, err := c.Patch(t.Context(), "one", kind, patch, metav1.PatchOptions{DryRun: dry})
			require.NoError(t, err)
			require.NotEqual(t, one, patched)
		}
		applied, err := c.Apply(t.Context(), "three", k.object("three"), metav1.ApplyOptions{FieldManager: "m", DryRun: dry})
		require.NoError(t, err)
		require.Equal(t, "three", applied.GetName())
		if k.status != nil {
			reported, err := c.UpdateStatus(t.Context(), k.reported(one), metav1.UpdateOptions{DryRun: dry})
			require.NoError(t, err)
			require.NotEqual(t, one, reported)
		}
		require.NoError(t, c.Delete(t.Context(), "one", metav1.DeleteOptions{DryRun: dry}))
		require.NoError(t, c.DeleteCollection(t.Context(), metav1.DeleteOptions{DryRun: dry}, metav1.ListOptions{}))

		list := listOf(t, c)
		require.Len(t, list.Items, 1)
		require.Equal(t, *one, list.Items[0])
		w.quietUntil(func() { create(t, c, k.object("mark")) }, watch.Added, "mark")
	})
}
