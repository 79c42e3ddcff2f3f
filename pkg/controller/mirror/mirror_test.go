// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// world holds an engine and a core API, with a Mirror between them.
type world struct {
	*controllertest.Engine

	counting *counting
	core     *fake.Clientset
	stop     func()
}

// counting counts commits, and can hold one up.
type counting struct {
	*etcd.Log
	commits atomic.Int64
	before  atomic.Pointer[func()]
}

func (l *counting) Commit(ctx context.Context, txn etcd.Txn) (int64, bool, error) {
	if before := l.before.Swap(nil); before != nil {
		(*before)()
	}
	revision, ok, err := l.Log.Commit(ctx, txn)
	if ok {
		l.commits.Add(1)
	}
	return revision, ok, err
}

func newWorld(t *testing.T) *world {
	e := controllertest.Start(t, etcd.New(etcdtest.Start(t).Client, "/muster"))
	w := &world{Engine: e, counting: &counting{Log: e.Log}, core: fake.NewClientset()}
	w.start()
	return w
}

// start runs a Mirror until stop, or the end of the test.
func (w *world) start() {
	w.stop = w.Background(New(Options{Engine: w.Engine, Log: w.counting, Core: w.core}).Run)
}

func (w *world) cluster(namespace, name string) {
	w.T.Helper()
	c := &v1alpha1.Cluster{ObjectMeta: controllertest.Meta(name, 1)}
	c.Namespace = namespace
	w.Save(c)
}

// bundle writes a version of the Bundle fleet/app for all Clusters.
func (w *world) bundle(version int64, data map[string][]byte, limits ...v1alpha1.RolloutStrategy) {
	w.T.Helper()
	b := controllertest.Bundle("app", version)
	if data != nil {
		b.Spec.ValuesHash = record.ValuesHash(data)
	}
	for i := range limits {
		b.Spec.RolloutStrategy = &limits[i]
	}
	w.Save(b)
}

func (w *world) namespace(name string, labels map[string]string) {
	w.T.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}}
	maps.Copy(ns.Labels, labels)
	_, err := w.core.CoreV1().Namespaces().Update(w.Ctx, ns, metav1.UpdateOptions{})
	if err != nil {
		_, err = w.core.CoreV1().Namespaces().Create(w.Ctx, ns, metav1.CreateOptions{})
	}
	require.NoError(w.T, err)
}

func (w *world) secret(kind string, data map[string][]byte) {
	w.T.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "app"}, Type: corev1.SecretType(kind), Data: data}
	_, err := w.core.CoreV1().Secrets("fleet").Update(w.Ctx, s, metav1.UpdateOptions{})
	if err != nil {
		_, err = w.core.CoreV1().Secrets("fleet").Create(w.Ctx, s, metav1.CreateOptions{})
	}
	require.NoError(w.T, err)
}

func data(value string) map[string][]byte {
	return map[string][]byte{"values.yaml": []byte(`{"v":"` + value + `"}`)}
}

// deployed returns the value that each Cluster is to have.
func (w *world) deployed() map[string]string {
	out := map[string]string{}
	for item := range w.View().All(record.BundleDeployments, record.Name{}) {
		bd := item.Render().(*v1alpha1.BundleDeployment)
		value := "-"
		if bd.Spec.Options.Helm != nil && bd.Spec.Options.Helm.Values != nil {
			value = bd.Spec.Options.Helm.Values.Data["v"].(string)
		}
		out[bd.Labels[v1alpha1.LabelCluster]] = value
	}
	return out
}

type values = map[string]string

func (w *world) becomes(want values) {
	w.T.Helper()
	w.Eventually(func() bool { return maps.Equal(w.deployed(), want) }, "want %v", want)
}

// mirrors returns the records of a kind that exist.
func (w *world) mirrors(resource string) []string {
	var out []string
	revision, err := w.Log.Revision(w.Ctx)
	require.NoError(w.T, err)
	require.NoError(w.T, w.Log.Load(w.Ctx, revision, func(r etcd.Record) {
		if r.Key.Type == record.TypeMirror && r.Key.Resource == resource {
			out = append(out, r.Key.Name.String())
		}
	}))
	return out
}

func (w *world) mirrorsBecome(resource string, n int) {
	w.T.Helper()
	w.Eventually(func() bool { return len(w.mirrors(resource)) == n }, "%s: %v", resource, w.mirrors(resource))
}

// committed waits until so many writes are counted. A write is visible before it is counted.
func (w *world) committed(n int64) {
	w.T.Helper()
	w.Eventually(func() bool { return w.counting.commits.Load() >= n })
	require.Equal(w.T, n, w.counting.commits.Load())
}

func TestTheMirrorAcceptsBundleAndSecretInEitherOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("fleet", "c1")
	w.bundle(1, data("a"))
	w.becomes(values{})
	w.secret("Opaque", data("a"))
	w.becomes(values{})
	require.NoError(t, w.core.CoreV1().Secrets("fleet").Delete(w.Ctx, "app", metav1.DeleteOptions{}))
	w.secret(v1alpha1.SecretTypeBundleValues, data("a"))
	w.becomes(values{"c1": "a"})
	w.bundle(2, data("b"))
	w.becomes(values{"c1": "a"})
	w.secret(v1alpha1.SecretTypeBundleValues, data("b"))
	w.becomes(values{"c1": "b"})
	w.secret(v1alpha1.SecretTypeBundleValues, data("c"))
	w.mirrorsBecome(record.Secrets, 2)
	require.Equal(t, values{"c1": "b"}, w.deployed())
	w.bundle(3, data("c"))
	w.becomes(values{"c1": "c"})
	w.mirrorsBecome(record.Secrets, 1)
}

func TestALostSecretDoesNotRemoveItsValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secret(v1alpha1.SecretTypeBundleValues, data("a"))
	w.cluster("fleet", "c1")
	w.bundle(1, data("a"))
	w.becomes(values{"c1": "a"})
	require.NoError(t, w.core.CoreV1().Secrets("fleet").Delete(w.Ctx, "app", metav1.DeleteOptions{}))
	w.cluster("fleet", "c2")
	w.becomes(values{"c1": "a", "c2": "a"})
	w.stop()
	w.start()
	w.cluster("fleet", "c3")
	w.becomes(values{"c1": "a", "c2": "a", "c3": "a"})
	w.bundle(2, nil)
	w.becomes(values{"c1": "-", "c2": "-", "c3": "-"})
	w.mirrorsBecome(record.Secrets, 0)
}

func TestASecretThatNoBundleNamesIsNotCopied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secret(v1alpha1.SecretTypeBundleValues, data("a"))
	w.cluster("fleet", "c1")
	w.bundle(1, nil)
	w.namespace("other", map[string]string{"a": "1"}) // shows that the mirror has looked
	w.mirrorsBecome(record.Namespaces, 1)
	require.Empty(t, w.mirrors(record.Secrets))
	w.bundle(2, data("x"))
	w.mirrorsBecome(record.Secrets, 1)
	w.Delete(record.Bundles, "fleet", "app")
	w.becomes(values{})
	w.mirrorsBecome(record.Secrets, 0)
}

func TestAMirrorFindsChangesMadeWhileNoneRan(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.namespace("gone", map[string]string{"a": "1"})
	w.namespace("edited", map[string]string{"a": "1"})
	w.cluster("fleet", "c1")
	w.bundle(1, data("a"))
	w.secret(v1alpha1.SecretTypeBundleValues, data("a"))
	w.becomes(values{"c1": "a"})
	w.mirrorsBecome(record.Namespaces, 2)
	w.stop()
	require.NoError(t, w.core.CoreV1().Namespaces().Delete(w.Ctx, "gone", metav1.DeleteOptions{}))
	w.namespace("edited", nil)
	w.namespace("new", map[string]string{"b": "2"})
	w.secret(v1alpha1.SecretTypeBundleValues, data("b"))
	w.bundle(2, data("b"))
	w.counting.commits.Store(0)
	w.start()
	w.becomes(values{"c1": "b"})
	w.Eventually(func() bool { return slices.Equal([]string{"/new"}, w.mirrors(record.Namespaces)) })
	w.mirrorsBecome(record.Secrets, 1)
	w.committed(5) // two Namespaces are removed and one added; values are added and old ones removed
}

func TestAMappingFollowsTheLabelsOfANamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bundle(1, nil)
	mapping := &v1alpha1.BundleNamespaceMapping{ObjectMeta: controllertest.Meta("m", 1)}
	mapping.BundleSelector = &metav1.LabelSelector{}
	mapping.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"far": "yes"}}
	w.Save(mapping)
	w.namespace("other", nil)
	w.cluster("other", "c1")
	w.becomes(values{})
	require.Empty(t, w.mirrors(record.Namespaces), "the name says it all")
	w.namespace("other", map[string]string{"far": "yes"})
	w.becomes(values{"c1": "-"})
	w.committed(1)
	ns, err := w.core.CoreV1().Namespaces().Get(w.Ctx, "other", metav1.GetOptions{})
	require.NoError(t, err)
	ns.Annotations = map[string]string{"note": "n"}
	_, err = w.core.CoreV1().Namespaces().Update(w.Ctx, ns, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.namespace("marker", map[string]string{"a": "1"})
	w.mirrorsBecome(record.Namespaces, 2)
	w.committed(2) // an annotation is not mirrored
	w.namespace("other", map[string]string{"far": "no"})
	w.becomes(values{})
}

func TestNamespacesForAgentsAreLeftOutUntilTheyHoldACluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.namespace("cluster-1", map[string]string{v1alpha1.LabelManaged: "true"})
	w.namespace("other", map[string]string{"a": "1"})
	w.mirrorsBecome(record.Namespaces, 1)
	w.cluster("cluster-1", "c1")
	w.mirrorsBecome(record.Namespaces, 2)
	w.Delete(record.Clusters, "cluster-1", "c1")
	w.mirrorsBecome(record.Namespaces, 1)
}
