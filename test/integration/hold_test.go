// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/engine"
)

// pausedClusters is more than the number of promotions that one transaction can keep.
const pausedClusters = 120

// TestAgentsDoNotSeeASwitchToALimitedBundle runs a server without a controller, and pauses
// half of the fleet. A second version that is held back then makes the server record what the
// BundleDeployments show. Agents of all Clusters watch all that time.
func TestAgentsDoNotSeeASwitchToALimitedBundle(t *testing.T) {
	t.Parallel()
	options := engine.DefaultOptions()
	c := start(t, t.TempDir(), &options).clientset(t)
	const namespace = "fleet"
	var work sync.WaitGroup
	for i := range 2 * pausedClusters {
		work.Go(func() { createCluster(t, c, cluster(namespace, name("c", i))) })
	}
	work.Wait()
	createBundle(t, c, bundle(namespace, "app"))
	first := promotedIDs(t, c)
	require.Len(t, first, 2*pausedClusters)

	for i := range pausedClusters {
		work.Go(func() {
			merge(t, c.FleetV1alpha1().Clusters(namespace), name("c", i), `{"spec":{"paused":true}}`)
		})
	}
	work.Wait()
	edit := func(change func(spec *v1alpha1.BundleSpec)) {
		b := fetch(t, c.FleetV1alpha1().Bundles(namespace), "app")
		change(&b.Spec)
		_, err := c.FleetV1alpha1().Bundles(namespace).Update(t.Context(), b, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	edit(func(spec *v1alpha1.BundleSpec) { spec.TargetNamespace = "second" })
	second := promotedIDs(t, c)
	moved := 0
	for key, id := range second {
		if id != first[key] {
			moved++
		}
	}
	require.Equal(t, pausedClusters, moved, "the Clusters that are not paused have the second version")

	from := metav1.ListOptions{ResourceVersion: listOf(t, c.FleetV1alpha1().BundleDeployments("")).ResourceVersion}
	looking, err := c.FleetV1alpha1().BundleDeployments("").Watch(t.Context(), from)
	require.NoError(t, err)
	defer looking.Stop()
	edit(func(spec *v1alpha1.BundleSpec) {
		one := intstr.FromInt32(1)
		spec.TargetNamespace, spec.RolloutStrategy = "third", &v1alpha1.RolloutStrategy{MaxUnavailable: &one}
	})
	require.Equal(t, second, promotedIDs(t, c))
	edit(func(spec *v1alpha1.BundleSpec) { spec.TargetNamespace, spec.RolloutStrategy = "fourth", nil })
	for seen := 0; seen < pausedClusters; {
		event := <-looking.ResultChan()
		require.Equal(t, watch.Modified, event.Type)
		bd := event.Object.(*v1alpha1.BundleDeployment)
		key := bd.Namespace
		if bd.Spec.DeploymentID == second[key] {
			require.NotEqual(t, "third", bd.Spec.Options.TargetNamespace)
			continue
		}
		require.Equal(t, "fourth", bd.Spec.Options.TargetNamespace, "the third version must never show")
		seen++
	}
}

// promotedIDs returns the deployment IDs by namespace.
func promotedIDs(t *testing.T, c versioned.Interface) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, d := range listOf(t, c.FleetV1alpha1().BundleDeployments("")).Items {
		out[d.Namespace] = d.Spec.DeploymentID
	}
	return out
}
