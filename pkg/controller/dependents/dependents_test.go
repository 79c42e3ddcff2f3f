// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package dependents

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// world holds an engine and the metadata of a core API, with a Dependents between them.
type world struct {
	*controllertest.Engine

	metadata *metadatafake.FakeMetadataClient
}

func newWorld(t *testing.T) *world {
	return &world{controllertest.Start(t, etcd.New(etcdtest.Start(t).Client, "/muster")), controllertest.Metadata(t)}
}

// start runs a Dependents until the end of the test. The fake client may miss what is created
// while its watch begins, so all objects have to exist.
func (w *world) start() { w.Background(New(Options{Engine: w.Engine, Metadata: w.metadata}).Run) }

func owner(kind, name string, uid types.UID) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: kind, Name: name, UID: uid}
}

func (w *world) create(resource, namespace, name string, owners ...metav1.OwnerReference) {
	w.T.Helper()
	m := controllertest.Partial(&metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name), ResourceVersion: "7", OwnerReferences: owners})
	require.NoError(w.T, w.metadata.Tracker().Create(corev1.SchemeGroupVersion.WithResource(resource), m, namespace))
}

// become waits until exactly some objects are left.
func (w *world) become(want ...string) {
	w.T.Helper()
	left := func() []string {
		found := map[string]bool{}
		for _, resource := range []string{"secrets", "configmaps"} {
			list, err := w.metadata.Resource(corev1.SchemeGroupVersion.WithResource(resource)).List(w.Ctx, metav1.ListOptions{})
			require.NoError(w.T, err)
			for _, item := range list.Items {
				found[item.Name] = true
			}
		}
		return slices.Sorted(maps.Keys(found))
	}
	w.Eventually(func() bool { return slices.Equal(left(), want) }, "want %v", want)
}

func TestAnObjectGoesWithTheLastOfItsOwners(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Save(controllertest.Bundle("a", 1))
	w.Save(controllertest.Bundle("b", 1))
	a, b := owner("Bundle", "a", "uid-of-a"), owner("Bundle", "b", "uid-of-b")
	w.create("secrets", "fleet", "of-a", a)
	w.create("configmaps", "fleet", "of-a-too", a)
	w.create("secrets", "fleet", "of-both", a, b)
	w.create("secrets", "fleet", "of-none")
	w.create("secrets", "fleet", "of-a-service", a, metav1.OwnerReference{APIVersion: "v1", Kind: "Service", Name: "s", UID: "s"})
	w.create("secrets", "fleet", "of-a-kind-unknown", owner("Novelty", "n", "n"))
	w.create("secrets", "other", "of-nothing-there", a)
	w.start()
	w.become("of-a", "of-a-kind-unknown", "of-a-service", "of-a-too", "of-both", "of-none")

	w.Delete("bundles", "fleet", "a")
	w.become("of-a-kind-unknown", "of-a-service", "of-both", "of-none")
	w.Delete("bundles", "fleet", "b")
	w.become("of-a-kind-unknown", "of-a-service", "of-none")
}

func TestAnObjectGoesWithItsBundleDeployment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Save(controllertest.Bundle("app", 1))
	w.Save(&v1alpha1.Cluster{ObjectMeta: controllertest.Meta("c", 1)})
	namespace := names.ClusterNamespace("fleet", "c")
	w.create("secrets", namespace, "copy", owner("BundleDeployment", "app", derive.IdentityUID("uid-of-app", "uid-of-c")))
	w.create("secrets", namespace, "of-another-uid", owner("BundleDeployment", "app", "x"))
	w.start()
	w.become("copy")
	w.Delete("clusters", "fleet", "c")
	w.become()
}

// TestWhatWasMissedIsFoundAtTheStart: an owner went, or was made anew, while no controller ran.
func TestWhatWasMissedIsFoundAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"gone", "anew", "kept"} {
		w.Save(controllertest.Bundle(name, 1))
		w.create("secrets", "fleet", name, owner("Bundle", name, types.UID("uid-of-"+name)))
	}
	w.Delete("bundles", "fleet", "gone")
	w.Delete("bundles", "fleet", "anew")
	anew := controllertest.Bundle("anew", 1)
	anew.UID = "another"
	w.Save(anew)
	w.start()
	w.become("kept")
}

// TestADeletionNamesTheObjectThatWasSeen: another object of the name, or another version of it,
// may have other owners.
func TestADeletionNamesTheObjectThatWasSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create("secrets", "fleet", "a", owner("Bundle", "a", "uid-of-a"))
	w.start()
	w.become()
	for _, action := range w.metadata.Actions() {
		if deletion, ok := action.(clienttesting.DeleteActionImpl); ok {
			require.Equal(t, types.UID("a"), *deletion.DeleteOptions.Preconditions.UID)
			require.Equal(t, "7", *deletion.DeleteOptions.Preconditions.ResourceVersion)
			return
		}
	}
	require.Fail(t, "there was no deletion")
}
