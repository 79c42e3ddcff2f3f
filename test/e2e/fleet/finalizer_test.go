// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/poll"
)

// ofFleetController are the finalizers that only fleet-controller removes, which does not
// run beside Muster.
var ofFleetController = []string{
	"fleet.cattle.io/bundle-finalizer", "fleet.cattle.io/cluster-finalizer", "fleet.cattle.io/schedule-finalizer", "fleet.cattle.io/bundle-deployment-finalizer",
}

func TestFinalizersOfFleetControllerHoldNothing(t *testing.T) {
	t.Parallel()
	for _, policy := range policies {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, "finalizers-"+lower(policy))
			client, err := dynamic.NewForConfig(control.Config)
			require.NoError(t, err)
			for _, object := range []struct{ kind, resource, spec string }{
				{"Bundle", "bundles", ""}, {"Cluster", "clusters", ""}, {"Schedule", "schedules", ""}, {"ClusterGroup", "clustergroups", ""},
			} {
				resource := client.Resource(schema.GroupVersionResource{Group: v1alpha1.GroupName, Version: "v1alpha1", Resource: object.resource}).Namespace(w.name)
				made, err := resource.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
					"apiVersion": v1alpha1.SchemeGroupVersion.String(), "kind": object.kind, "spec": map[string]any{},
					"metadata": map[string]any{"name": "held", "finalizers": []any{ofFleetController[0], ofFleetController[1], ofFleetController[2], ofFleetController[3]}},
				}}, metav1.CreateOptions{})
				require.NoError(t, err)
				require.Equal(t, ofFleetController, made.GetFinalizers(), "they are stored as written")
				require.NoError(t, resource.Delete(t.Context(), "held", metav1.DeleteOptions{PropagationPolicy: &policy}))
				poll.Eventually(t, within, func(ctx context.Context) error {
					left, err := resource.List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=held"})
					if err == nil && len(left.Items) > 0 {
						err = fmt.Errorf("%s exists: %v", object.kind, left.Items[0].Object["metadata"])
					}
					return err
				})
			}
		})
	}
}

// gitjob waits for the Bundles of a GitRepo that is deleted. fleet-controller has put its
// finalizers on them before Muster replaced it.
func TestAGitRepoIsDeletedWithBundlesThatFleetHeld(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "held", "north")
	w.push("app", "c1", map[string]v1alpha1.BundleSpec{"one": configMap(w.name, "one", "blue"), "two": chart(w.name, "blue")})
	w.gitRepo(t, "app", nil)
	w.waitReady(t, "app", "c1", "2/2")
	for _, name := range []string{"app-one", "app-two"} {
		_, err := api.FleetV1alpha1().Bundles(w.name).Patch(t.Context(), name, types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"finalizers":[%q]}}`, ofFleetController[0]), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	_, err := api.FleetV1alpha1().Clusters(w.name).Patch(t.Context(), "north", types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"finalizers":[%q]}}`, ofFleetController[1]), metav1.PatchOptions{})
	require.NoError(t, err)
	w.waitReady(t, "app", "c1", "2/2")
	require.NoError(t, api.FleetV1alpha1().GitRepos(w.name).Delete(t.Context(), "app", metav1.DeleteOptions{}))
	w.waitNo(t, "gitrepos.fleet.cattle.io", "app")
	w.waitNo(t, "bundles.fleet.cattle.io", "app-two")
	w.waitNo(t, "secrets", "app-two")
	require.NoError(t, api.FleetV1alpha1().Clusters(w.name).Delete(t.Context(), "north", metav1.DeleteOptions{}))
	w.waitNo(t, "clusters.fleet.cattle.io", "north")
}
