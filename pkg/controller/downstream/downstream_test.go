// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// world holds an engine and a core API, with a Downstream between them.
type world struct {
	*controllertest.Engine

	core     *fake.Clientset
	metadata *metadatafake.FakeMetadataClient
	writes   atomic.Int64
	dying    atomic.Bool
	running  *Downstream
	stop     func()
}

func newWorld(t *testing.T) *world {
	w := &world{Engine: controllertest.Start(t, etcd.New(etcdtest.Start(t).Client, "/muster")), core: fake.NewClientset(), metadata: controllertest.Metadata(t)}
	w.core.PrependReactor("*", "*", w.versions)
	w.start()
	return w
}

// versions gives each written object a resourceVersion, and shows it to the metadata client:
// the fake clients do neither.
func (w *world) versions(action clienttesting.Action) (bool, runtime.Object, error) {
	gvr, namespace := action.GetResource(), action.GetNamespace()
	switch action := action.(type) {
	case clienttesting.CreateActionImpl:
		_ = w.metadata.Tracker().Create(gvr, w.stamped(action.GetObject()), namespace)
	case clienttesting.UpdateActionImpl:
		_ = w.metadata.Tracker().Update(gvr, w.stamped(action.GetObject()), namespace)
	case clienttesting.DeleteActionImpl:
		w.writes.Add(1)
		_ = w.metadata.Tracker().Delete(gvr, namespace, action.GetName())
	}
	return false, nil, nil
}

func (w *world) stamped(object runtime.Object) *metav1.PartialObjectMetadata {
	m := object.(metav1.Object)
	m.SetResourceVersion(strconv.FormatInt(w.writes.Add(1), 10))
	return controllertest.Partial(m)
}

// dyingLog refuses commits while the process is to die between the copies and the count.
type dyingLog struct {
	*etcd.Log
	dying *atomic.Bool
}

func (l dyingLog) Commit(ctx context.Context, txn etcd.Txn) (int64, bool, error) {
	if l.dying.Load() {
		return 0, false, errors.New("the process dies here")
	}
	return l.Log.Commit(ctx, txn)
}

func (w *world) start() {
	w.running = New(Options{Engine: w.Engine, Log: dyingLog{w.Log, &w.dying}, Core: w.core, Metadata: w.metadata})
	w.stop = w.Background(w.running.Run)
}

// cluster makes a Cluster, and returns its namespace.
func (w *world) cluster(name string) string {
	w.T.Helper()
	w.Save(&v1alpha1.Cluster{ObjectMeta: controllertest.Meta(name, 1)})
	return names.ClusterNamespace("fleet", name)
}

// bundle writes a version of a Bundle for all Clusters. It names resources as "Secret/name"
// or "ConfigMap/name".
func (w *world) bundle(name string, version int64, named ...string) {
	w.T.Helper()
	b := controllertest.Bundle(name, version)
	for _, n := range named {
		kind, name, _ := strings.Cut(n, "/")
		b.Spec.DownstreamResources = append(b.Spec.DownstreamResources, v1alpha1.DownstreamResource{Kind: kind, Name: name})
	}
	w.Save(b)
}

func (w *world) secret(name, value string) {
	w.T.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: name, Labels: map[string]string{"of": "source"}}, Type: "example.com/type", Data: map[string][]byte{"k": []byte(value)}}
	_, err := w.core.CoreV1().Secrets("fleet").Create(w.Ctx, s, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = w.core.CoreV1().Secrets("fleet").Update(w.Ctx, s, metav1.UpdateOptions{})
	}
	require.NoError(w.T, err)
}

// copyIs waits until the copy of a Secret holds a value, and returns it.
func (w *world) copyIs(namespace, name, value string) *corev1.Secret {
	w.T.Helper()
	var have *corev1.Secret
	w.Eventually(func() bool {
		var err error
		have, err = w.core.CoreV1().Secrets(namespace).Get(w.Ctx, name, metav1.GetOptions{})
		return err == nil && string(have.Data["k"]) == value
	}, "the copy %s/%s does not become %q", namespace, name, value)
	return have
}

func (w *world) deployment(namespace, name string) *v1alpha1.BundleDeployment {
	item := w.View().Get(record.BundleDeployments, record.Name{Namespace: namespace, Name: name})
	if item == nil {
		return nil
	}
	return item.Render().(*v1alpha1.BundleDeployment)
}

func (w *world) countIs(namespace, name string, n int64) {
	w.T.Helper()
	w.Eventually(func() bool {
		bd := w.deployment(namespace, name)
		return bd != nil && bd.Spec.DownstreamResourcesGeneration == n
	}, "the count of %s/%s does not become %d", namespace, name, n)
}

// quiet waits until nothing is left to do: until a Bundle that it makes last has its copy.
func (w *world) quiet(namespace, marker string) {
	w.T.Helper()
	w.secret(marker, "m")
	w.bundle(marker, 1, "Secret/"+marker)
	w.countIs(namespace, marker, 1)
}

func TestACopyFollowsItsSourceAndIsCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	w.secret("s", "one")
	w.bundle("app", 1, "secret/s", "SECRET/s", "ConfigMap/m")
	have := w.copyIs(ns, "s", "one")
	require.Equal(t, corev1.SecretType("example.com/type"), have.Type)
	require.Empty(t, have.Labels)
	w.countIs(ns, "app", 1)
	bd := w.deployment(ns, "app")
	require.Equal(t, []metav1.OwnerReference{{APIVersion: "fleet.cattle.io/v1alpha1", Kind: "BundleDeployment", Name: "app", UID: bd.UID, Controller: new(true)}}, have.OwnerReferences)
	w.secret("s", "two")
	w.copyIs(ns, "s", "two")
	w.countIs(ns, "app", 2)
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "m"}, Data: map[string]string{"a": "b"}, BinaryData: map[string][]byte{"c": {0}}}
	_, err := w.core.CoreV1().ConfigMaps("fleet").Create(w.Ctx, m, metav1.CreateOptions{})
	require.NoError(t, err)
	w.countIs(ns, "app", 3)
	copied, err := w.core.CoreV1().ConfigMaps(ns).Get(w.Ctx, "m", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, m.Data, copied.Data)
	require.Equal(t, m.BinaryData, copied.BinaryData)
	// Metadata of a source is not copied.
	s, err := w.core.CoreV1().Secrets("fleet").Get(w.Ctx, "s", metav1.GetOptions{})
	require.NoError(t, err)
	s.Annotations = map[string]string{"a": "b"}
	_, err = w.core.CoreV1().Secrets("fleet").Update(w.Ctx, s, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.quiet(ns, "marker")
	w.countIs(ns, "app", 3)
}

func TestACopyThatIsLostOrEditedComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	w.secret("s", "one")
	w.bundle("app", 1, "Secret/s")
	have := w.copyIs(ns, "s", "one")
	w.countIs(ns, "app", 1)
	have.Data = map[string][]byte{"k": []byte("edited")}
	_, err := w.core.CoreV1().Secrets(ns).Update(w.Ctx, have, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.copyIs(ns, "s", "one")
	require.NoError(t, w.core.CoreV1().Secrets(ns).Delete(w.Ctx, "s", metav1.DeleteOptions{}))
	w.copyIs(ns, "s", "one")
	// A copy outlives its source.
	require.NoError(t, w.core.CoreV1().Secrets("fleet").Delete(w.Ctx, "s", metav1.DeleteOptions{}))
	w.quiet(ns, "marker")
	w.copyIs(ns, "s", "one")
	w.countIs(ns, "app", 1)
	require.False(t, w.deployment(ns, "app").Spec.WaitingForValues)
}

func TestACopyThatTwoNeedIsOwnedByBoth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	w.secret("s", "one")
	w.bundle("a", 1, "Secret/s")
	w.countIs(ns, "a", 1)
	w.bundle("b", 1, "Secret/s")
	w.countIs(ns, "b", 1)
	have := w.copyIs(ns, "s", "one")
	require.Len(t, have.OwnerReferences, 2)
	require.NotNil(t, have.OwnerReferences[0].Controller)
	require.Nil(t, have.OwnerReferences[1].Controller)
	w.countIs(ns, "a", 1)
}

func TestObjectsThatAreNotCopiesAreLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	agents := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "s"}, Data: map[string][]byte{"k": []byte("the agent's own")}}
	_, err := w.core.CoreV1().Secrets(ns).Create(w.Ctx, agents, metav1.CreateOptions{})
	require.NoError(t, err)
	w.secret("s", "one")
	w.secret("other", "two")
	w.bundle("app", 1, "Secret/s", "Pod/p", "Secret/other")
	w.countIs(ns, "app", 1) // the other one
	w.copyIs(ns, "other", "two")
	w.copyIs(ns, "s", "the agent's own")
}

func TestACountSurvivesADeathBetweenCopyAndCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	w.secret("s", "one")
	w.bundle("app", 1, "Secret/s")
	w.countIs(ns, "app", 1)
	w.dying.Store(true)
	w.secret("s", "two")
	w.copyIs(ns, "s", "two")
	w.stop()
	w.dying.Store(false)
	w.countIs(ns, "app", 1)
	w.start()
	w.countIs(ns, "app", 2)
	w.stop()
	before := w.writes.Load()
	w.start()
	w.quiet(ns, "marker")
	require.EqualValues(t, 2, w.writes.Load()-before, "the marker and its copy: a start writes nothing")
	w.countIs(ns, "app", 2)
}

func TestACountGoesWithItsBundleDeployment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	w.secret("s", "one")
	w.bundle("app", 1, "Secret/s")
	w.countIs(ns, "app", 1)
	counted := func() int {
		names, err := w.WithCopies()
		require.NoError(t, err)
		return len(names)
	}
	require.Equal(t, 1, counted())
	w.Delete(record.Bundles, "fleet", "app")
	w.Eventually(func() bool { return counted() == 0 })
	w.bundle("app", 1, "Secret/s")
	w.countIs(ns, "app", 1)
	w.stop() // also a BundleDeployment that went while no controller ran
	w.Delete(record.Bundles, "fleet", "app")
	w.start()
	w.Eventually(func() bool { return counted() == 0 })
}

func TestAccessSecretsGetTheirTypeAndAreNotCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	w.secret("helm", "h")
	w.secret("s-oci", "o")
	w.chart("chart", "helm")
	have := w.copyIs(ns, "helm", "h")
	require.EqualValues(t, "fleet.cattle.io/bundle-helmops-access/v1alpha1", have.Type)
	require.Equal(t, map[string]string{"fleet.cattle.io/bundle-internal-secret": "true"}, have.Labels)
	oci := controllertest.Bundle("oci", 1)
	oci.Spec.ContentsID = "s-oci"
	w.Save(oci)
	have = w.copyIs(ns, "s-oci", "o")
	require.EqualValues(t, "fleet.cattle.io/bundle-oci-storage/v1alpha1", have.Type)
	w.quiet(ns, "marker")
	require.False(t, w.deployment(ns, "chart").Spec.WaitingForValues)
	require.False(t, w.deployment(ns, "oci").Spec.WaitingForValues)
	w.countIs(ns, "chart", 0)
	w.countIs(ns, "oci", 0)
}
