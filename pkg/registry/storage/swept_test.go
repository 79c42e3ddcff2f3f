// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Contents that no Bundle has any more are swept, possibly while the history still has the
// versions that had them. Those versions have then expired; the current ones have not.
func TestAVersionWhoseContentsAreSweptHasExpired(t *testing.T) {
	t.Parallel()
	ctx, server, s := start(t)
	b := NewObjects(record.Bundles, s.engine, s.log)
	for _, name := range []string{"b", "other"} {
		bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: "u", Generation: 1}}
		bundle.Spec.Resources = []v1alpha1.BundleResource{{Name: "x.yaml", Content: "one " + name}}
		require.NoError(t, b.Create(ctx, "/bundles/ns/"+name, bundle, &v1alpha1.Bundle{}, 0))
	}
	v, err := b.engine.Current()
	require.NoError(t, err)
	id := contentOf(v.Get(record.Bundles, record.Name{Namespace: "ns", Name: "b"}))
	require.NoError(t, b.GuaranteedUpdate(ctx, "/bundles/ns/b", &v1alpha1.Bundle{}, false, nil, func(in runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
		in.(*v1alpha1.Bundle).Spec.Resources[0].Content = "two"
		in.(*v1alpha1.Bundle).Generation = 2
		return in, nil, nil
	}, nil))
	deleted, err := server.Client.Delete(ctx, s.log.ContentPath(id))
	require.NoError(t, err)
	require.EqualValues(t, 1, deleted.Deleted)

	cold := NewObjects(record.Bundles, s.engine, s.log)
	at := func(revision int64, match metav1.ResourceVersionMatch) storage.ListOptions {
		return storage.ListOptions{Recursive: true, Predicate: storage.Everything, ResourceVersion: view.VersionAt(revision).String(), ResourceVersionMatch: match}
	}
	err = cold.GetList(ctx, "/bundles", at(v.Revision, metav1.ResourceVersionMatchExact), &v1alpha1.BundleList{})
	require.True(t, apierrors.IsResourceExpired(err), "%v", err)
	w, err := cold.Watch(ctx, "/bundles", at(v.Revision-2, ""))
	require.NoError(t, err)
	t.Cleanup(w.Stop)
	event := <-w.ResultChan()
	require.Equal(t, watch.Error, event.Type)
	require.True(t, apierrors.IsResourceExpired(apierrors.FromObject(event.Object)), "%v", event.Object)

	list := &v1alpha1.BundleList{}
	require.NoError(t, cold.GetList(ctx, "/bundles", at(v.Revision, metav1.ResourceVersionMatchNotOlderThan), list))
	require.Len(t, list.Items, 2)
	require.Equal(t, "two", list.Items[0].Spec.Resources[0].Content)

	// A current version without its contents must not count as expired: clients would list
	// it again for ever.
	now, err := b.engine.Current()
	require.NoError(t, err)
	_, err = server.Client.Delete(ctx, s.log.ContentPath(contentOf(now.Get(record.Bundles, record.Name{Namespace: "ns", Name: "other"}))))
	require.NoError(t, err)
	err = NewObjects(record.Bundles, s.engine, s.log).GetList(ctx, "/bundles", at(0, ""), list)
	require.True(t, apierrors.IsServiceUnavailable(err), "%v", err)
}
