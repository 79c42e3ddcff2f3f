// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

const deadline = 30 * time.Second

// world holds a log, an engine and a core API, with a Downstream between them.
type world struct {
	t        *testing.T
	ctx      context.Context
	log      *etcd.Log
	engine   *engine.Engine
	core     *fake.Clientset
	metadata *metadatafake.FakeMetadataClient
	writes   atomic.Int64
	dying    atomic.Bool
	running  *Downstream
	stop     func()
}

func newWorld(t *testing.T) *world {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	log := etcd.New(etcdtest.Start(t).Client, "/muster")
	scheme := metadatafake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	w := &world{t: t, ctx: ctx, log: log, engine: engine.New(log, engine.DefaultOptions()), core: fake.NewClientset(), metadata: metadatafake.NewSimpleMetadataClient(scheme)}
	w.core.PrependReactor("*", "*", w.versions)
	var tasks sync.WaitGroup
	t.Cleanup(tasks.Wait)
	t.Cleanup(cancel)
	tasks.Go(func() { _ = w.engine.Run(ctx) })
	w.start()
	return w
}

// versions gives each written object a resourceVersion, and shows it to the metadata client:
// the fake clients do neither.
func (w *world) versions(action clienttesting.Action) (bool, runtime.Object, error) {
	gvr, namespace := action.GetResource(), action.GetNamespace()
	switch action := action.(type) {
	case clienttesting.CreateActionImpl:
		w.stamp(action.GetObject())
		partial := partialOf(action.GetObject())
		_ = w.metadata.Tracker().Create(gvr, partial, namespace)
	case clienttesting.UpdateActionImpl:
		w.stamp(action.GetObject())
		_ = w.metadata.Tracker().Update(gvr, partialOf(action.GetObject()), namespace)
	case clienttesting.DeleteActionImpl:
		w.writes.Add(1)
		_ = w.metadata.Tracker().Delete(gvr, namespace, action.GetName())
	}
	return false, nil, nil
}

func (w *world) stamp(object runtime.Object) {
	m, err := meta.Accessor(object)
	require.NoError(w.t, err)
	m.SetResourceVersion(strconv.FormatInt(w.writes.Add(1), 10))
}

func partialOf(object runtime.Object) *metav1.PartialObjectMetadata {
	out := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}}
	switch object := object.(type) {
	case *corev1.Secret:
		object.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	case *corev1.ConfigMap:
		out.Kind = "ConfigMap"
		object.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	}
	return out
}

// Commit fails while the process is to die between the copies and the count.
func (w *world) Commit(ctx context.Context, txn etcd.Txn) (int64, bool, error) {
	if w.dying.Load() {
		return 0, false, errors.New("the process dies here")
	}
	return w.log.Commit(ctx, txn)
}

func (w *world) start() {
	ctx, cancel := context.WithCancel(w.ctx)
	var done sync.WaitGroup
	d := New(Options{Engine: w.engine, Log: w, Core: w.core, Metadata: w.metadata})
	w.running = d
	done.Go(func() { _ = d.Run(ctx) })
	w.stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	w.t.Cleanup(w.stop)
}

func (w *world) save(resource string, object record.APIObject) {
	w.t.Helper()
	name := record.Name{Namespace: object.GetNamespace(), Name: object.GetName()}
	w.write(resource, name, &record.Object{Object: object, Content: "s-1", Seed: []byte("seed"), Time: time.Unix(1_700_000_000, 0).UTC()})
}

func (w *world) write(resource string, name record.Name, r *record.Object) {
	w.t.Helper()
	key := record.ObjectKey(resource, name)
	for ok := false; !ok; {
		v, err := w.engine.Barrier(w.ctx)
		require.NoError(w.t, err)
		plan, err := w.engine.Plan(context.Background(), engine.Proposal{Resource: resource, Name: name, Object: r})
		require.NoError(w.t, err)
		txn := plan.Txn()
		txn.Unchanged[key] = 0
		if item := v.Get(resource, name); item != nil {
			txn.Unchanged[key] = item.(*view.Object).RecordRevision
		}
		if r != nil {
			txn.Put[key], err = r.Encode()
			require.NoError(w.t, err)
		} else {
			txn.Delete = append(txn.Delete, key)
		}
		_, ok, err = w.log.Commit(w.ctx, txn)
		require.NoError(w.t, err)
	}
}

func metaOf(name string, generation int64) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "fleet", Name: name, UID: types.UID("uid-" + name), Generation: generation}
}

// cluster makes a Cluster, and returns its namespace.
func (w *world) cluster(name string) string {
	w.t.Helper()
	w.save(record.Clusters, &v1alpha1.Cluster{ObjectMeta: metaOf(name, 1)})
	return names.ClusterNamespace("fleet", name)
}

// bundle writes a version of a Bundle for all Clusters. It names resources as "Secret/name"
// or "ConfigMap/name".
func (w *world) bundle(name string, version int64, named ...string) {
	w.t.Helper()
	b := &v1alpha1.Bundle{ObjectMeta: metaOf(name, version)}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	for _, n := range named {
		kind, name, _ := strings.Cut(n, "/")
		b.Spec.DownstreamResources = append(b.Spec.DownstreamResources, v1alpha1.DownstreamResource{Kind: kind, Name: name})
	}
	w.save(record.Bundles, b)
}

func (w *world) secret(name, value string) {
	w.t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: name, Labels: map[string]string{"of": "source"}}, Type: "example.com/type", Data: map[string][]byte{"k": []byte(value)}}
	_, err := w.core.CoreV1().Secrets("fleet").Create(w.ctx, s, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = w.core.CoreV1().Secrets("fleet").Update(w.ctx, s, metav1.UpdateOptions{})
	}
	require.NoError(w.t, err)
}

// copyIs waits until the copy of a Secret holds a value, and returns it.
func (w *world) copyIs(namespace, name, value string) *corev1.Secret {
	w.t.Helper()
	var have *corev1.Secret
	require.Eventually(w.t, func() bool {
		var err error
		have, err = w.core.CoreV1().Secrets(namespace).Get(w.ctx, name, metav1.GetOptions{})
		return err == nil && string(have.Data["k"]) == value
	}, deadline/2, 2*time.Millisecond, "the copy %s/%s does not become %q", namespace, name, value)
	return have
}

func (w *world) deployment(namespace, name string) *v1alpha1.BundleDeployment {
	v, err := w.engine.Barrier(w.ctx)
	require.NoError(w.t, err)
	item := v.Get(record.BundleDeployments, record.Name{Namespace: namespace, Name: name})
	if item == nil {
		return nil
	}
	return item.Render().(*v1alpha1.BundleDeployment)
}

func (w *world) countIs(namespace, name string, n int64) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		bd := w.deployment(namespace, name)
		return bd != nil && bd.Spec.DownstreamResourcesGeneration == n
	}, deadline/2, 2*time.Millisecond, "the count of %s/%s does not become %d", namespace, name, n)
}

// quiet waits until nothing is left to do: until a Bundle that it makes last has its copy.
func (w *world) quiet(namespace, marker string) {
	w.t.Helper()
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
	_, err := w.core.CoreV1().ConfigMaps("fleet").Create(w.ctx, m, metav1.CreateOptions{})
	require.NoError(t, err)
	w.countIs(ns, "app", 3)
	copied, err := w.core.CoreV1().ConfigMaps(ns).Get(w.ctx, "m", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, m.Data, copied.Data)
	require.Equal(t, m.BinaryData, copied.BinaryData)
	// Metadata of a source is not copied.
	s, err := w.core.CoreV1().Secrets("fleet").Get(w.ctx, "s", metav1.GetOptions{})
	require.NoError(t, err)
	s.Annotations = map[string]string{"a": "b"}
	_, err = w.core.CoreV1().Secrets("fleet").Update(w.ctx, s, metav1.UpdateOptions{})
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
	_, err := w.core.CoreV1().Secrets(ns).Update(w.ctx, have, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.copyIs(ns, "s", "one")
	require.NoError(t, w.core.CoreV1().Secrets(ns).Delete(w.ctx, "s", metav1.DeleteOptions{}))
	w.copyIs(ns, "s", "one")
	// A copy outlives its source.
	require.NoError(t, w.core.CoreV1().Secrets("fleet").Delete(w.ctx, "s", metav1.DeleteOptions{}))
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

func TestWhatIsNoCopyIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	agents := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "s"}, Data: map[string][]byte{"k": []byte("the agent's own")}}
	_, err := w.core.CoreV1().Secrets(ns).Create(w.ctx, agents, metav1.CreateOptions{})
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
		names, err := w.engine.WithCopies()
		require.NoError(t, err)
		return len(names)
	}
	require.Equal(t, 1, counted())
	w.write(record.Bundles, record.Name{Namespace: "fleet", Name: "app"}, nil)
	require.Eventually(t, func() bool { return counted() == 0 }, deadline/2, 2*time.Millisecond)
	w.bundle("app", 1, "Secret/s")
	w.countIs(ns, "app", 1)
	w.stop() // also a BundleDeployment that went while no controller ran
	w.write(record.Bundles, record.Name{Namespace: "fleet", Name: "app"}, nil)
	w.start()
	require.Eventually(t, func() bool { return counted() == 0 }, deadline/2, 2*time.Millisecond)
}

func TestAccessSecretsGetTheirTypeAndAreNotCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	w.secret("helm", "h")
	w.secret("s-oci", "o")
	b := &v1alpha1.Bundle{ObjectMeta: metaOf("chart", 1)}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	b.Spec.HelmOpOptions = &v1alpha1.BundleHelmOptions{SecretName: "helm"}
	w.save(record.Bundles, b)
	have := w.copyIs(ns, "helm", "h")
	require.EqualValues(t, "fleet.cattle.io/bundle-helmops-access/v1alpha1", have.Type)
	require.Equal(t, map[string]string{"fleet.cattle.io/bundle-internal-secret": "true"}, have.Labels)
	oci := &v1alpha1.Bundle{ObjectMeta: metaOf("oci", 1)}
	oci.Spec.Targets, oci.Spec.ContentsID = b.Spec.Targets, "s-oci"
	w.save(record.Bundles, oci)
	have = w.copyIs(ns, "s-oci", "o")
	require.EqualValues(t, "fleet.cattle.io/bundle-oci-storage/v1alpha1", have.Type)
	w.quiet(ns, "marker")
	require.False(t, w.deployment(ns, "chart").Spec.WaitingForValues)
	require.False(t, w.deployment(ns, "oci").Spec.WaitingForValues)
	w.countIs(ns, "chart", 0)
	w.countIs(ns, "oci", 0)
}
