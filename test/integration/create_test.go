// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/manifest"
)

// TestTheResourceVersionOfACreate: as with a CRD, zero and text that is not a number count
// as none, and a revision is a mistake. That holds for given and for generated names, and
// for dry runs.
func TestTheResourceVersionOfACreate(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		object := func(named, revision string) *unstructured.Unstructured {
			o := k.object(named)
			if named == "" {
				o.SetGenerateName("made-")
			}
			o.SetResourceVersion(revision)
			o.SetUID("mine")
			o.SetGeneration(7)
			return o
		}
		for i, revision := range []string{"", "0", "x"} {
			for _, named := range []string{name("o", i), ""} {
				for _, dry := range [][]string{{metav1.DryRunAll}, nil} {
					made, err := c.Create(t.Context(), object(named, revision), metav1.CreateOptions{DryRun: dry})
					require.NoError(t, err, "resourceVersion %q", revision)
					require.NotEqual(t, types.UID("mine"), made.GetUID())
					require.EqualValues(t, 1, made.GetGeneration())
					if dry == nil {
						require.Greater(t, number(t, made.GetResourceVersion()), int64(1))
						require.Equal(t, made, get(t, c, made.GetName()))
					}
				}
			}
		}
		for _, revision := range []string{"1", notYet} {
			for _, named := range []string{"never", ""} {
				for _, dry := range [][]string{{metav1.DryRunAll}, nil} {
					_, err := c.Create(t.Context(), object(named, revision), metav1.CreateOptions{DryRun: dry})
					require.True(t, apierrors.IsBadRequest(err), "%v", err)
					require.ErrorContains(t, err, "resourceVersion should not be set on objects to be created")
				}
			}
		}
		for _, revision := range []string{"", "0", "1"} {
			_, err := c.Update(t.Context(), object("never", revision), metav1.UpdateOptions{})
			require.True(t, apierrors.IsNotFound(err), "a PUT creates nothing: %v", err)
			_, err = c.Patch(t.Context(), "never", types.MergePatchType, []byte(`{"metadata":{"resourceVersion":"`+revision+`"}}`), metav1.PatchOptions{})
			require.True(t, apierrors.IsNotFound(err), "a merge patch creates nothing: %v", err)
		}
		applied := k.object("applied")
		applied.SetResourceVersion("0")
		_, err := c.Apply(t.Context(), "applied", applied, metav1.ApplyOptions{FieldManager: "m"})
		require.NoError(t, err, "an apply creates")
		_, err = c.Get(t.Context(), "never", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
	})
}

// TestAnUpdateWithAnInvalidVersionIsABadRequest covers every verb and both records.
func TestAnUpdateWithAnInvalidVersionIsABadRequest(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		made := create(t, c, k.object("one"))
		subresources := [][]string{nil}
		if k.status != nil {
			subresources = append(subresources, []string{"status"})
		}
		for _, revision := range []string{"x", "-1", "99999999999999999999"} {
			for _, of := range subresources {
				stale := made.DeepCopy()
				stale.SetResourceVersion(revision)
				_, err := c.Update(t.Context(), stale, metav1.UpdateOptions{}, of...)
				require.True(t, apierrors.IsBadRequest(err), "%s %v: %v", revision, of, err)
				require.ErrorContains(t, err, "metadata.resourceVersion")
				_, err = c.Patch(t.Context(), "one", types.MergePatchType, []byte(`{"metadata":{"resourceVersion":"`+revision+`"}}`), metav1.PatchOptions{}, of...)
				require.True(t, apierrors.IsBadRequest(err), "%s %v: %v", revision, of, err)
			}
		}
		require.Equal(t, made, get(t, c, "one"))
	})
}

// TestAContentHasAUIDAndACreationThatStay: both come from the record, so a restart does not
// change them. A record of an older version, without a time, is still served.
func TestAContentHasAUIDAndACreationThatStay(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	began := time.Now().Truncate(time.Second)
	createBundle(t, c, bundle("ns", "app"))
	list := listOf(t, c.FleetV1alpha1().Contents())
	require.Len(t, list.Items, 1)
	first := list.Items[0]
	require.False(t, first.CreationTimestamp.Time.Before(began))
	require.False(t, first.CreationTimestamp.After(time.Now()))
	require.Len(t, string(first.UID), 36)
	made := fetch(t, c.FleetV1alpha1().Bundles("ns"), "app")
	text := manifest.Encode(made.Spec.Resources)
	require.Equal(t, manifest.Compress(text), first.Content, "an agent gets the same bytes as before")

	// The same manifest again changes nothing.
	createBundle(t, c, bundle("other", "app"))
	same := fetch(t, c.FleetV1alpha1().Contents(), first.Name)
	first.TypeMeta, same.TypeMeta = metav1.TypeMeta{}, metav1.TypeMeta{}
	require.Equal(t, &first, same)

	older := bundle("ns", "older")
	older.Spec.Resources = []v1alpha1.BundleResource{{Name: "a", Content: "older"}}
	text = manifest.Encode(older.Spec.Resources)
	id := manifest.ID(manifest.Digest(text))
	s.put(t, "content/"+id, string(manifest.Compress(text)))
	createBundle(t, c, older)
	before := get(t, s.resource(t, "contents", ""), id)
	require.Len(t, string(before.GetUID()), 36)
	require.NotEqual(t, first.UID, before.GetUID())
	require.Nil(t, before.Object["metadata"].(map[string]any)["creationTimestamp"], "no version ever stored it")

	s = s.restart(t)
	require.Equal(t, before, get(t, s.resource(t, "contents", ""), id))
	again := fetch(t, s.clientset(t).FleetV1alpha1().Contents(), first.Name)
	again.TypeMeta = metav1.TypeMeta{}
	require.Equal(t, &first, again)
	require.Equal(t, older.Spec.Resources, fetch(t, s.clientset(t).FleetV1alpha1().Bundles("ns"), "older").Spec.Resources)

	// A Content that was swept and is made again later is another object.
	stored, err := s.etcd.Get(t.Context(), logPrefix+"/content/"+first.Name)
	require.NoError(t, err)
	require.Len(t, stored.Kvs, 1)
	s.put(t, "content/"+first.Name, string(manifest.Stamp(stored.Kvs[0].Value, first.CreationTimestamp.Add(-time.Hour))))
	another := fetch(t, s.clientset(t).FleetV1alpha1().Contents(), first.Name)
	require.NotEqual(t, first.UID, another.UID)
	require.Equal(t, first.CreationTimestamp.Add(-time.Hour).Unix(), another.CreationTimestamp.Unix())
	require.Equal(t, first.Content, another.Content)
}

// TestContentsAreNotWatched: clients try only what discovery announces, and it announces no
// watch.
func TestContentsAreNotWatched(t *testing.T) {
	t.Parallel()
	_, err := shared(t).resource(t, "contents", "").Watch(t.Context(), metav1.ListOptions{})
	require.True(t, apierrors.IsMethodNotSupported(err), "%v", err)
}
