// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clustercleanup

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	fleetfake "github.com/musterfleet/muster/pkg/generated/clientset/versioned/fake"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// world holds an engine, and clients of the two APIs. A deletion of a Bundle by the fleet's API
// deletes its record.
type world struct {
	*controllertest.Engine
	metadata *metadatafake.FakeMetadataClient
	fleet    *fleetfake.Clientset
	mu       struct {
		sync.Mutex
		refuse  error
		refused int
	}
}

func newWorld(t *testing.T, namespaces ...runtime.Object) *world {
	w := &world{
		Engine:   controllertest.Start(t, etcd.New(etcdtest.Start(t).Client, "/muster")),
		metadata: controllertest.Metadata(t, namespaces...), fleet: fleetfake.NewClientset(),
	}
	w.fleet.PrependReactor("delete", "bundles", func(a clienttesting.Action) (bool, runtime.Object, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.mu.refuse != nil {
			w.mu.refused++
			return true, nil, w.mu.refuse
		}
		w.Delete(record.Bundles, a.GetNamespace(), a.(clienttesting.DeleteAction).GetName())
		return true, nil, nil
	})
	return w
}

func (w *world) options() Options {
	return Options{Fleet: w.Engine, Metadata: w.metadata, Client: w.fleet, Kept: []string{home("kept")}}
}

func (w *world) run() (stop func()) { return w.Background(New(w.options()).Run) }

// home returns the namespace that follows from the name of a Cluster.
func home(cluster string) string { return names.ClusterNamespace("fleet", cluster) }

// namespace returns a Namespace as agentmanagement makes it for a Cluster.
func namespace(name, cluster string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{
		Name: name, UID: types.UID("uid-of-" + name), Labels: map[string]string{v1alpha1.LabelManaged: "true"},
		Annotations: map[string]string{v1alpha1.LabelClusterNamespace: "fleet", v1alpha1.LabelCluster: cluster},
	}}
}

// agent returns a Bundle as agentmanagement makes it for a Cluster.
func agent(cluster string) *v1alpha1.Bundle {
	b := controllertest.Bundle(names.SafeConcat("fleet-agent", cluster), 1)
	b.Annotations = map[string]string{objectSet: agentObjectSet}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterName: cluster}}}
	return b
}

func cluster(name string) *v1alpha1.Cluster {
	return &v1alpha1.Cluster{ObjectMeta: controllertest.Meta(name, 1)}
}

// left returns the names of the namespaces and Bundles that exist, sorted.
func (w *world) left() (found []string) {
	w.T.Helper()
	list, err := w.metadata.Resource(ownership.Namespaces).List(w.Ctx, metav1.ListOptions{})
	require.NoError(w.T, err)
	for _, item := range list.Items {
		found = append(found, item.Name)
	}
	for item := range w.View().All(record.Bundles, record.Name{}) {
		found = append(found, item.Name().Name)
	}
	slices.Sort(found)
	return found
}

// settled removes one more Cluster, and waits until what it left is removed: then the keys
// before it have had their turns.
func (w *world) settled(name string) {
	w.T.Helper()
	require.Contains(w.T, w.left(), home(name))
	w.Delete(record.Clusters, "fleet", name)
	w.Eventually(func() bool {
		all := w.left()
		return !slices.Contains(all, home(name)) && !slices.Contains(all, "fleet-agent-"+name)
	}, "what the last Cluster left is not removed")
}

// TestOnlyWhatADeletedClusterLeftIsRemoved deletes a Cluster in each case, and compares what is
// left with what the case says.
func TestOnlyWhatADeletedClusterLeftIsRemoved(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long-", 14) + "name"
	edited := func(o *metav1.PartialObjectMetadata, edit func(*metav1.PartialObjectMetadata)) runtime.Object {
		edit(o)
		return o
	}
	rebuilt := func(b *v1alpha1.Bundle, edit func(*v1alpha1.Bundle)) *v1alpha1.Bundle {
		edit(b)
		return b
	}
	w := newWorld(t,
		namespace(home("plain"), "plain"), namespace(home("alive"), "alive"), namespace(home("again"), "again"), namespace(home(long), long), namespace(home("kept"), "kept"),
		edited(namespace(home("foreign"), "foreign"), func(o *metav1.PartialObjectMetadata) { o.Labels = nil }),
		edited(namespace(home("silent"), "silent"), func(o *metav1.PartialObjectMetadata) { o.Annotations = nil }),
		namespace("production", "forged"), namespace("kube-system", "forged"), namespace(home("shared"), "shared"), namespace(home("unseen"), "unseen"), namespace(home("last"), "last"), namespace(home("later"), "later"),
	)
	bundles := []*v1alpha1.Bundle{
		agent("plain"), agent("alive"), agent("again"), agent(long), agent("last"), agent("later"), agent("unseen"),
		rebuilt(agent("foreign"), func(b *v1alpha1.Bundle) { b.Annotations = nil }),
		rebuilt(agent("silent"), func(b *v1alpha1.Bundle) { b.Annotations[objectSet] = "another" }),
		rebuilt(agent("forged"), func(b *v1alpha1.Bundle) { b.Spec.Targets[0].ClusterName = "alive" }),
		rebuilt(agent("shared"), func(b *v1alpha1.Bundle) { b.Spec.Targets = append(b.Spec.Targets, b.Spec.Targets[0]) }),
		controllertest.Bundle("app", 1),
	}
	for _, b := range bundles {
		w.Save(b)
	}
	for _, name := range []string{"plain", "alive", "again", long, "kept", "foreign", "silent", "forged", "shared", "last", "later"} {
		w.Save(cluster(name))
	}
	// Another Cluster has its BundleDeployments in the namespace of this one.
	w.Save(cluster("other"))
	other := cluster("other")
	other.Status.Namespace = home("shared")
	w.Report(record.Clusters, record.Name{Namespace: "fleet", Name: "other"}, &record.Report{UID: other.UID, Status: other})

	before := w.left()
	stop := w.run()
	for _, name := range []string{"plain", long, "kept", "foreign", "silent", "forged", "shared"} {
		w.Delete(record.Clusters, "fleet", name)
	}
	w.settled("last")
	stop()
	// While no controller runs, a Cluster is deleted and created again, and another is deleted.
	w.Delete(record.Clusters, "fleet", "again")
	again := cluster("again")
	again.UID = "another"
	w.Save(again)
	w.run()
	w.settled("later")

	gone := []string{home("plain"), "fleet-agent-plain", home(long), names.SafeConcat("fleet-agent", long), home("last"), "fleet-agent-last", home("later"), "fleet-agent-later"}
	w.Eventually(func() bool {
		all := w.left()
		return !slices.ContainsFunc(gone, func(name string) bool { return slices.Contains(all, name) })
	}, "something of a deleted Cluster is left")
	require.Equal(t, slices.DeleteFunc(before, func(name string) bool { return slices.Contains(gone, name) }), w.left())
}

// TestADeletionIsFoundInTheHistory: the Cluster went while no controller ran.
func TestADeletionIsFoundInTheHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, namespace(home("one"), "one"))
	w.Save(agent("one"))
	w.Save(cluster("one"))
	w.View()
	w.Delete(record.Clusters, "fleet", "one")
	w.run()
	w.Eventually(func() bool { return len(w.left()) == 0 }, "something is left")
}

// TestAnEmptyLogRemovesNothing: the controller of another etcd sees no Cluster, and none go.
func TestAnEmptyLogRemovesNothing(t *testing.T) {
	t.Parallel()
	made := namespace(home("made"), "made")
	made.Annotations[ownership.Annotation] = "clusters/fleet/made/uid-of-made"
	w := newWorld(t, namespace(home("one"), "one"), made, namespace(home("last"), "last"))
	w.Save(agent("one"))
	w.Save(cluster("last"))
	w.run()
	w.settled("last")
	require.ElementsMatch(t, []string{home("one"), home("made"), "fleet-agent-one"}, w.left())
}

// TestARefusedDeletionIsTriedAgain: the namespace does not wait for the Bundle.
func TestARefusedDeletionIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, namespace(home("one"), "one"))
	w.Save(agent("one"))
	w.Save(cluster("one"))
	w.mu.refuse = apierrors.NewServiceUnavailable("not now")
	w.run()
	w.Delete(record.Clusters, "fleet", "one")
	w.Eventually(func() bool { return slices.Equal(w.left(), []string{"fleet-agent-one"}) }, "the namespace is left")
	w.Eventually(func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.mu.refused > 1 }, "it is not tried again")
	w.mu.Lock()
	w.mu.refuse = nil
	w.mu.Unlock()
	w.Eventually(func() bool { return len(w.left()) == 0 }, "the Bundle is left")
}

func TestARunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(w.Ctx)
	cancel()
	require.ErrorIs(t, New(w.options()).Run(ctx), context.Canceled)
}
