// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"

	"github.com/musterfleet/muster/test/poll"
)

// resources are all that Fleet's programs create in a workspace.
var resources = []schema.GroupVersionResource{
	{Version: "v1", Resource: "configmaps"},
	{Version: "v1", Resource: "secrets"},
	{Version: "v1", Resource: "serviceaccounts"},
	{Version: "v1", Resource: "pods"},
	{Group: "batch", Version: "v1", Resource: "jobs"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
	{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: "gitrepos"},
	{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: "helmops"},
	{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: "bundles"},
	{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: "clusters"},
	{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: "schedules"},
	{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: "clusterregistrations"},
	{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: "clusterregistrationtokens"},
}

// objects returns the objects of a workspace by "RESOURCE NAME".
func (w *workspace) objects(ctx context.Context) (map[string]metav1.PartialObjectMetadata, error) {
	client, err := metadata.NewForConfig(control.Config)
	if err != nil {
		return nil, err
	}
	found := map[string]metav1.PartialObjectMetadata{}
	for _, resource := range resources {
		list, err := client.Resource(resource).Namespace(w.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, o := range list.Items {
			found[resource.GroupResource().String()+" "+o.Name] = o
		}
	}
	return found, nil
}

// below returns which objects belong to one of them, directly or not, those included.
func below(all map[string]metav1.PartialObjectMetadata, tops ...string) (found []string) {
	uids := map[types.UID]bool{}
	for _, top := range tops {
		uids[all[top].UID] = true
	}
	for before := -1; len(uids) > before; {
		before = len(uids)
		for _, o := range all {
			if slices.ContainsFunc(o.OwnerReferences, func(r metav1.OwnerReference) bool { return uids[r.UID] }) {
				uids[o.UID] = true
			}
		}
	}
	for name, o := range all {
		if uids[o.UID] {
			found = append(found, name)
		}
	}
	return found
}

// waitLeft waits until the objects of a workspace are those before, except some.
func (w *workspace) waitLeft(t *testing.T, before map[string]metav1.PartialObjectMetadata, gone []string) (left map[string]metav1.PartialObjectMetadata) {
	t.Helper()
	require.NotEmpty(t, gone)
	poll.Eventually(t, within, func(ctx context.Context) (err error) {
		if left, err = w.objects(ctx); err != nil {
			return err
		}
		for name, o := range before {
			is, exists := left[name]
			switch {
			case slices.Contains(gone, name):
				if exists && is.UID == o.UID {
					return fmt.Errorf("%s exists: %+v", name, is.ObjectMeta)
				}
			case !exists || is.UID != o.UID:
				return poll.Stop(fmt.Errorf("%s was deleted too", name))
			}
		}
		return nil
	})
	// A list of one resource may be older than that of another, so all are read again.
	left, err := w.objects(t.Context())
	require.NoError(t, err)
	for name, o := range left {
		_, existed := before[name]
		require.True(t, existed, "%s was created", name)
		for _, r := range o.OwnerReferences {
			require.False(t, slices.ContainsFunc(gone, func(name string) bool { return before[name].UID == r.UID }), "%s belongs to %s %s, which is gone", name, r.Kind, r.Name)
		}
	}
	return left
}

// waitNo waits until an object of the workspace is gone. The resource is "NAME" or
// "NAME.GROUP".
func (w *workspace) waitNo(t *testing.T, resource, name string) {
	t.Helper()
	i := slices.IndexFunc(resources, func(r schema.GroupVersionResource) bool { return r.GroupResource().String() == resource })
	require.GreaterOrEqual(t, i, 0, resource)
	client, err := metadata.NewForConfig(control.Config)
	require.NoError(t, err)
	poll.Eventually(t, within, func(ctx context.Context) error {
		o, err := client.Resource(resources[i]).Namespace(w.name).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("%s %s exists: %+v, %w", resource, name, o, err)
	})
}

func withPrefix(all map[string]metav1.PartialObjectMetadata, prefix string) (found []string) {
	for name := range all {
		if strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
	}
	return found
}
