// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package generated_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	fleetapply "github.com/musterfleet/muster/pkg/generated/applyconfiguration/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned/fake"
	"github.com/musterfleet/muster/pkg/generated/informers/externalversions"
)

func TestAManagerExtractsWhatItHasApplied(t *testing.T) {
	t.Parallel()
	helmOps := fake.NewClientset().FleetV1alpha1().HelmOps("fleet-default")
	values := func(data map[string]any) *fleetapply.HelmOpSpecApplyConfiguration {
		return fleetapply.HelmOpSpec().WithHelm(fleetapply.HelmOptions().WithValues(v1alpha1.GenericMap{Data: data}))
	}
	_, err := helmOps.Apply(t.Context(),
		fleetapply.HelmOp("web", "fleet-default").WithSpec(values(map[string]any{"replicas": int64(3), "image": map[string]any{"tag": "1.2"}})),
		metav1.ApplyOptions{FieldManager: "platform"})
	require.NoError(t, err)
	both, err := helmOps.Apply(t.Context(),
		fleetapply.HelmOp("web", "fleet-default").WithLabels(map[string]string{"team": "a"}).
			WithSpec(values(map[string]any{"image": map[string]any{"name": "web"}}).WithPaused(true)),
		metav1.ApplyOptions{FieldManager: "team"})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"replicas": int64(3), "image": map[string]any{"tag": "1.2", "name": "web"}}, both.Spec.Helm.Values.Data,
		"values of two managers are merged key by key")

	platform, err := fleetapply.ExtractHelmOp(both, "platform")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"replicas": int64(3), "image": map[string]any{"tag": "1.2"}}, platform.Spec.Helm.Values.Data)
	require.Nil(t, platform.Spec.Paused)
	require.Empty(t, platform.Labels)

	team, err := fleetapply.ExtractHelmOp(both, "team")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"image": map[string]any{"name": "web"}}, team.Spec.Helm.Values.Data)
	require.True(t, *team.Spec.Paused)
	require.Equal(t, map[string]string{"team": "a"}, team.Labels)
}

func TestTheStatusIsExtractedOnItsOwn(t *testing.T) {
	t.Parallel()
	clusters := fake.NewClientset(&v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet-default", Name: "edge"}}).
		FleetV1alpha1().Clusters("fleet-default")
	cluster, err := clusters.ApplyStatus(t.Context(),
		fleetapply.Cluster("edge", "fleet-default").
			WithStatus(fleetapply.ClusterStatus().WithAgent(fleetapply.AgentStatus().WithNamespace("cattle-fleet-system"))),
		metav1.ApplyOptions{FieldManager: "agent"})
	require.NoError(t, err)
	require.Equal(t, "cattle-fleet-system", cluster.Status.Agent.Namespace)

	// The fake client does not record, as a server does, that it was the status.
	for i := range cluster.ManagedFields {
		cluster.ManagedFields[i].Subresource = "status"
	}
	extracted, err := fleetapply.ExtractClusterStatus(cluster, "agent")
	require.NoError(t, err)
	require.Equal(t, "cattle-fleet-system", *extracted.Status.Agent.Namespace)
}

func TestAnInformerFollowsTheClientAndFeedsItsLister(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(&v1alpha1.BundleDeployment{ObjectMeta: metav1.ObjectMeta{
		Namespace: "cluster-a", Name: "first", Labels: map[string]string{v1alpha1.LabelBundleName: "first"},
	}})
	factory := externalversions.NewSharedInformerFactory(client, 0)
	informer := factory.Fleet().V1alpha1().BundleDeployments()
	added := make(chan string, 10)
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { added <- object.(*v1alpha1.BundleDeployment).Name },
	})
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	factory.StartWithContext(ctx)
	require.NoError(t, factory.WaitForCacheSyncWithContext(ctx).AsError())
	require.Equal(t, "first", <-added)

	require.NoError(t, client.Tracker().Add(&v1alpha1.BundleDeployment{ObjectMeta: metav1.ObjectMeta{Namespace: "cluster-a", Name: "second"}}))
	require.Equal(t, "second", <-added)

	found, err := informer.Lister().BundleDeployments("cluster-a").List(labels.SelectorFromSet(labels.Set{v1alpha1.LabelBundleName: "first"}))
	require.NoError(t, err)
	require.Len(t, found, 1)
	cancel()
	factory.Shutdown()
}

func TestADurationIsAppliedAsText(t *testing.T) {
	t.Parallel()
	gitRepos := fake.NewClientset().FleetV1alpha1().GitRepos("fleet-default")
	repo, err := gitRepos.Apply(t.Context(),
		fleetapply.GitRepo("web", "fleet-default").WithSpec(fleetapply.GitRepoSpec().WithRepo("r").WithPollingInterval("60s")),
		metav1.ApplyOptions{FieldManager: "platform"})
	require.NoError(t, err)
	require.Equal(t, v1alpha1.Duration("60s"), *repo.Spec.PollingInterval)
	extracted, err := fleetapply.ExtractGitRepo(repo, "platform")
	require.NoError(t, err)
	require.Equal(t, v1alpha1.Duration("60s"), *extracted.Spec.PollingInterval)
}
