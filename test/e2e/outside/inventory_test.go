// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package outside

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/clusterprofile"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// inventoryPage is the page whose steps this test runs.
const inventoryPage = "clusterprofiles.md"

// TestAClusterInventoryDecidesWhatIsDeployed follows the page. The controller was started
// before the CustomResourceDefinition of the profiles exists.
func TestAClusterInventoryDecidesWhatIsDeployed(t *testing.T) {
	t.Parallel()
	me := cluster.NewShell(t, "kubectl")
	me.Administrator(t, control)
	poll.Eventually(t, patience, func(context.Context) error {
		if !strings.Contains(controller.Log(), "ClusterProfiles are not served") {
			return errors.New("the log does not say that ClusterProfiles are not served")
		}
		return nil
	}, controller.Tail)
	definition, err := filepath.Abs(filepath.Join("testdata", "clusterprofiles.yaml"))
	require.NoError(t, err)
	me.Run(t, "kubectl apply -f "+definition+" && kubectl wait --for=condition=Established crd/clusterprofiles.multicluster.x-k8s.io")

	me.Step(t, inventoryPage, "cluster")
	me.Step(t, inventoryPage, "profile")
	me.Step(t, inventoryPage, "label")
	require.Contains(t, me.Step(t, inventoryPage, "deployed"), "bundledeployment.fleet.cattle.io/app")
	me.Step(t, inventoryPage, "property")
	me.Step(t, inventoryPage, "other")
	require.Contains(t, me.Step(t, inventoryPage, "skipped"), `env: the field manager "kubectl-label" owns it with another value`)
	me.Step(t, inventoryPage, "delete")
	require.Contains(t, me.Step(t, inventoryPage, "stays"), `"clusterprofile/region":"eu"`)

	says := strings.Count(controller.Log(), "ClusterProfiles are not served")
	require.Equal(t, 1, says, "the log repeats itself")
	require.NotContains(t, controller.Log(), "ClusterProfiles cannot be read")
	hops(t)
}

// hops measures the way of a label: from the acknowledged PATCH of a profile to the event of
// the BundleDeployment, with the Cluster's event between them.
func hops(t *testing.T) {
	t.Helper()
	const namespace, clusters, edits = "hops", 5, 10 // a Cluster that changes more often is followed more rarely
	control.MakeNamespace(t, namespace)
	makeBundle(t, namespace, "app", func(spec *v1alpha1.BundleSpec) {
		spec.Targets[0].ClusterSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}
	})
	client, err := dynamic.NewForConfig(control.Config)
	require.NoError(t, err)
	profiles := client.Resource(clusterprofile.Resource).Namespace(namespace)
	homes := map[string]string{}
	for i := range clusters {
		name := fmt.Sprint("c", i)
		homes[name] = makeCluster(t, namespace, name)
		p := &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": name}, "spec": map[string]any{"clusterManager": map[string]any{"name": "test"}},
		}}
		p.SetGroupVersionKind(clusterprofile.Resource.GroupVersion().WithKind("ClusterProfile"))
		_, err := profiles.Create(t.Context(), p, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	list, err := fleet.FleetV1alpha1().BundleDeployments("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	from := metav1.ListOptions{ResourceVersion: list.ResourceVersion}
	labelled, err := fleet.FleetV1alpha1().Clusters(namespace).Watch(t.Context(), from)
	require.NoError(t, err)
	labels := stamp(labelled)
	defer labelled.Stop()
	deployed, err := fleet.FleetV1alpha1().BundleDeployments("").Watch(t.Context(), from)
	require.NoError(t, err)
	deployments := stamp(deployed)
	defer deployed.Stop()

	var first, whole []time.Duration
	for i := range edits {
		value, want := "prod", watch.Added
		if i%2 == 1 {
			value, want = "test", watch.Deleted
		}
		for name, home := range homes {
			patch := fmt.Sprintf(`{"metadata":{"labels":{"env":%q}}}`, value)
			_, err := profiles.Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
			require.NoError(t, err)
			acknowledged := time.Now()
			first = append(first, arrival(t, labels, func(e watch.Event) bool {
				c, ok := e.Object.(*v1alpha1.Cluster)
				return ok && c.Name == name && c.Labels["env"] == value
			}).Sub(acknowledged))
			require.Equal(t, value == "prod", find(t.Context(), home, "app") == nil, "the next read")
			whole = append(whole, arrival(t, deployments, func(e watch.Event) bool {
				bd, ok := e.Object.(*v1alpha1.BundleDeployment)
				return ok && bd.Namespace == home && e.Type == want
			}).Sub(acknowledged))
		}
	}
	t.Logf("%d edits of ClusterProfiles, from the answer to the Cluster's event: %s", len(first), distribution(first))
	t.Logf("%d edits of ClusterProfiles, from the answer to the BundleDeployment's event: %s", len(whole), distribution(whole))
}

func distribution(all []time.Duration) string {
	slices.Sort(all)
	return fmt.Sprintf("median %v, p90 %v, longest %v", all[len(all)/2], all[len(all)*9/10], all[len(all)-1])
}

// stamped is an event with the time of its arrival.
type stamped struct {
	watch.Event

	at time.Time
}

func stamp(events watch.Interface) <-chan stamped {
	out := make(chan stamped, 1000)
	go func() {
		defer close(out)
		for e := range events.ResultChan() {
			out <- stamped{e, time.Now()}
		}
	}()
	return out
}

// arrival returns when an event arrived that is wanted.
func arrival(t *testing.T, events <-chan stamped, wanted func(watch.Event) bool) time.Time {
	t.Helper()
	for late := time.After(patience); ; {
		select {
		case e, open := <-events:
			require.True(t, open, "the watch has ended")
			if wanted(e.Event) {
				return e.at
			}
		case <-late:
			require.Fail(t, "the event does not come", controller.Tail())
		}
	}
}
