// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/ptr"
)

// marked returns an object with the metadata that wrangler's apply and controllers set. The
// largest annotations of that kind hold a compressed object.
func marked(o *unstructured.Unstructured) *unstructured.Unstructured {
	o.SetLabels(map[string]string{"objectset.rio.cattle.io/hash": "c98e0d0cbb4b5ab7a0ae8b8a2a7e3c1b1e4f0b44", "empty": ""})
	o.SetAnnotations(map[string]string{
		"objectset.rio.cattle.io/id":                       "fleet-manage-agent",
		"objectset.rio.cattle.io/applied":                  strings.Repeat("H4sIAAAAAAAA/+", 15_000),
		"objectset.rio.cattle.io/owner-gvk":                "fleet.cattle.io/v1alpha1, Kind=Cluster",
		"objectset.rio.cattle.io/owner-name":               "",
		"fleet.cattle.io/client-secret-hash":               "\u00fc \"quoted\"\n\tand <b>more</b>",
		"field.cattle.io/publicEndpoints":                  "null",
		"kubectl.kubernetes.io/last-applied-configuration": `{}`,
	})
	o.SetOwnerReferences([]metav1.OwnerReference{
		{APIVersion: "fleet.cattle.io/v1alpha1", Kind: "GitRepo", Name: "repo", UID: "0f9c9b3e-6b1b-4f43-9a3c-4d2f3c1f5a11", Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true)},
		{APIVersion: "v1", Kind: "Secret", Name: "s", UID: "another", Controller: ptr.To(false), BlockOwnerDeletion: ptr.To(false)},
		{APIVersion: "v1", Kind: "Secret", Name: "t", UID: "third"},
	})
	o.SetFinalizers(append([]string{others[0]}, fleets...))
	return o
}

// asWritten returns the part of an object's metadata that clients write.
func asWritten(o *unstructured.Unstructured) map[string]any {
	all, _ := o.Object["metadata"].(map[string]any)
	out := map[string]any{}
	for _, member := range []string{"labels", "annotations", "ownerReferences", "finalizers"} {
		out[member] = all[member]
	}
	return out
}

func TestMetadataComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		object := marked(k.object("one"))
		want := asWritten(object)
		w := watching(t, c, metav1.ListOptions{ResourceVersion: listOf(t, c).GetResourceVersion()})
		made, err := c.Create(t.Context(), object, metav1.CreateOptions{FieldManager: "rancher"})
		require.NoError(t, err)
		require.Equal(t, want, asWritten(made))
		require.Equal(t, made, get(t, c, "one"))
		require.Equal(t, made.Object["metadata"], listOf(t, c).Items[0].Object["metadata"])
		require.Equal(t, made, w.expect(watch.Added, "one"))
		require.Equal(t, "rancher", made.GetManagedFields()[0].Manager)
		require.Equal(t, made, update(t, c, made), "an update with what was read")

		later := made
		if k.status != nil {
			later = updateStatus(t, c, k.reported(made))
			require.Equal(t, want, asWritten(later), "after a status")
			require.Equal(t, made.GetManagedFields()[0], later.GetManagedFields()[0])
		}
		patched := merge(t, c, "one", `{"metadata":{"labels":{"more":"x"}}}`)
		require.NoError(t, unstructured.SetNestedField(want, "x", "labels", "more"))
		require.Equal(t, want, asWritten(patched), "after a patch of a label")

		// An update may bring entries of other writers, as a move of an object does.
		moved := patched.DeepCopy()
		entry := metav1.ManagedFieldsEntry{
			Manager: "fleetcontroller", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "fleet.cattle.io/v1alpha1", FieldsType: "FieldsV1",
			Time: ptr.To(metav1.Unix(1_700_000_000, 0)), FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{"f:objectset.rio.cattle.io/hash":{}}}}`),
		}
		moved.SetManagedFields(append(moved.GetManagedFields(), entry))
		two := update(t, c, moved)
		require.Contains(t, two.Object["metadata"].(map[string]any)["managedFields"], moved.Object["metadata"].(map[string]any)["managedFields"].([]any)[len(moved.GetManagedFields())-1])
		require.Equal(t, two, get(t, c, "one"))
	})
}

// TestMetadataOfUncertainOwnersIsNeverAbsent asks as the garbage collector does: for the
// metadata of one owner, and by an informer. It deletes what an absent owner had.
func TestMetadataOfUncertainOwnersIsNeverAbsent(t *testing.T) {
	t.Parallel()
	s := own(t)
	uids, good := map[string]string{}, map[string]string{}
	forEach := func(do func(plural string)) {
		for plural := range specimens {
			do(plural)
		}
	}
	forEach(func(plural string) {
		k := specimens[plural]
		o := &unstructured.Unstructured{Object: in("metadata", members{"name": "owner"})}
		for member, value := range k.spec {
			o.Object[member] = value
		}
		o.SetGroupVersionKind(group.WithKind(kindNamed(plural)))
		uids[plural] = string(create(t, s.resource(t, plural, "ns"), o).GetUID())
		key := "log/object/" + plural + "/ns/owner"
		stored, err := s.etcd.Get(t.Context(), logPrefix+"/"+key)
		require.NoError(t, err)
		good[plural] = string(stored.Kvs[0].Value)
		s.put(t, key, "#")
	})
	owners := func(plural string) metadata.ResourceInterface {
		config := s.connection()
		c, err := metadata.NewForConfig(config)
		require.NoError(t, err)
		return c.Resource(group.WithResource(plural)).Namespace("ns")
	}
	certain := func(plural string) {
		o, err := owners(plural).Get(t.Context(), "owner", metav1.GetOptions{})
		require.NoError(t, err, plural)
		require.Equal(t, uids[plural], string(o.GetUID()), plural)
		list, err := owners(plural).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err, plural)
		require.Len(t, list.Items, 1, plural)
	}
	forEach(certain) // history shows what the record held
	_, err := s.etcd.Compact(t.Context(), s.revision(t))
	require.NoError(t, err)
	s = s.restart(t)
	forEach(func(plural string) {
		path := apiRoot + "/namespaces/ns/" + plural
		for _, query := range []string{"/owner", "/owner?resourceVersion=0", "", "?resourceVersion=0"} {
			err := s.raw(t).Get().RequestURI(path+query).SetHeader("Accept", asPartial).MaxRetries(0).Do(t.Context()).Error()
			require.True(t, apierrors.IsServiceUnavailable(err), "%s%s: %v", plural, query, err)
		}
		w, err := owners(plural).Watch(t.Context(), metav1.ListOptions{})
		if err == nil {
			err = apierrors.FromObject((&stream{t, w}).status())
			w.Stop()
		}
		require.True(t, apierrors.IsServiceUnavailable(err), "watch %s: %v", plural, err)
		err = s.raw(t).Get().RequestURI(path+"/never").SetHeader("Accept", asPartial).MaxRetries(0).Do(t.Context()).Error()
		require.True(t, apierrors.IsNotFound(err), "no record has this name: %v", err)
	})
	forEach(func(plural string) { s.put(t, "log/object/"+plural+"/ns/owner", good[plural]) })
	forEach(certain)
}
