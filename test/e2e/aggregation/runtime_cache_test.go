// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientfeatures "k8s.io/client-go/features"
	clientfeaturestesting "k8s.io/client-go/features/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// The library under other controllers reads Muster like any API: whole objects and metadata
// alone, by an index and by a label, in one namespace. The test is not parallel: a switch
// of the process decides how the cache starts.
func TestTheCacheOfControllerRuntimeFollowsBundleDeployments(t *testing.T) {
	p, agent := deployed(t)
	scheme := runtime.NewScheme()
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	for name, test := range map[string]struct {
		watchList bool
		want      []string
	}{
		"with one watch that begins with the state": {true, []string{"watch-list", "watch-list"}},
		"with a list and a watch from there on":     {false, []string{"list", "list", "watch", "watch"}},
	} {
		t.Run(name, func(t *testing.T) {
			clientfeaturestesting.SetFeatureDuringTest(t, clientfeatures.WatchListClient, test.watchList)
			made := &requests{}
			config := made.config(control.Config)
			c, err := cache.New(config, cache.Options{Scheme: scheme, DefaultNamespaces: map[string]cache.Config{agent.namespace: {}}})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			var ran sync.WaitGroup
			defer ran.Wait()
			defer cancel()
			const byID = "spec.deploymentID"
			require.NoError(t, c.IndexField(ctx, &v1alpha1.BundleDeployment{}, byID, func(object client.Object) []string {
				return []string{object.(*v1alpha1.BundleDeployment).Spec.DeploymentID}
			}))
			ran.Go(func() { _ = c.Start(ctx) })
			require.True(t, c.WaitForCacheSync(ctx))

			key, direct := types.NamespacedName{Namespace: agent.namespace, Name: "app"}, versioned.NewForConfigOrDie(control.Config)
			found, names := &v1alpha1.BundleDeployment{}, &metav1.PartialObjectMetadata{}
			names.SetGroupVersionKind(v1alpha1.SchemeGroupVersion.WithKind("BundleDeployment"))
			require.NoError(t, c.Get(ctx, key, names))
			for i := range 2 {
				require.NoError(t, c.Get(ctx, key, found))
				is, err := direct.FleetV1alpha1().BundleDeployments(agent.namespace).Get(ctx, "app", metav1.GetOptions{})
				require.NoError(t, err)
				waitFor(t, "the cache equals a read", func() bool {
					err := c.Get(ctx, key, found)
					return err == nil && found.ResourceVersion == is.ResourceVersion
				})
				require.Equal(t, is.Spec, found.Spec)
				var list v1alpha1.BundleDeploymentList
				require.NoError(t, c.List(ctx, &list, client.MatchingFields{byID: is.Spec.DeploymentID}, client.MatchingLabels{v1alpha1.LabelBundleName: "app"}))
				require.Len(t, list.Items, 1)

				_, err = direct.FleetV1alpha1().BundleDeployments(agent.namespace).Patch(ctx, "app", types.MergePatchType,
					fmt.Appendf(nil, `{"status":{"release":"%s/b:%d"}}`, t.Name()[:3], i), metav1.PatchOptions{}, "status")
				require.NoError(t, err)
				waitFor(t, "the cache has the report", func() bool {
					return c.Get(ctx, key, found) == nil && found.Status.Release == fmt.Sprintf("%s/b:%d", t.Name()[:3], i)
				})
				p.does(t, "label", "cluster", "one", "env=prod", "--overwrite")
				waitFor(t, "both caches have dropped it", func() bool {
					return apierrors.IsNotFound(c.Get(ctx, key, found)) && apierrors.IsNotFound(c.Get(ctx, key, names))
				})
				p.does(t, "label", "cluster", "one", "env=test", "--overwrite")
				waitFor(t, "both caches have it again", func() bool { return c.Get(ctx, key, found) == nil && c.Get(ctx, key, names) == nil })
			}
			require.ElementsMatch(t, test.want, made.seen(), "no second list, no second watch")
		})
	}
}
