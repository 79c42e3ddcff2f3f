// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

const deadline = 30 * time.Second

// world holds a log, an engine and a core API, with a Mirror between them.
type world struct {
	t       *testing.T
	ctx     context.Context
	log     *counting
	engine  *engine.Engine
	core    *fake.Clientset
	running func()
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
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	log := etcd.New(etcdtest.Start(t).Client, "/muster")
	w := &world{t: t, ctx: ctx, log: &counting{Log: log}, engine: engine.New(log, engine.DefaultOptions()), core: fake.NewClientset()}
	var tasks sync.WaitGroup
	t.Cleanup(tasks.Wait)
	t.Cleanup(cancel)
	tasks.Go(func() { _ = w.engine.Run(ctx) })
	w.start()
	return w
}

// start runs a Mirror until stop, or the end of the test.
func (w *world) start() {
	ctx, cancel := context.WithCancel(w.ctx)
	var done sync.WaitGroup
	done.Go(func() { _ = New(Options{Engine: w.engine, Log: w.log, Core: w.core}).Run(ctx) })
	w.running = sync.OnceFunc(func() { cancel(); done.Wait() })
	w.t.Cleanup(w.running)
}

// save writes an object as the store does. drop deletes one.
func (w *world) save(resource string, object record.APIObject) {
	w.t.Helper()
	name := record.Name{Namespace: object.GetNamespace(), Name: object.GetName()}
	r := &record.Object{Object: object, Content: "s-1", Seed: []byte("seed"), Time: time.Unix(1_700_000_000, 0).UTC()}
	data, err := r.Encode()
	require.NoError(w.t, err)
	w.write(resource, name, r, data)
}

func (w *world) remove(resource string, name record.Name) {
	w.t.Helper()
	w.write(resource, name, nil, nil)
}

func (w *world) write(resource string, name record.Name, r *record.Object, data []byte) {
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
			txn.Put[key] = data
		} else {
			txn.Delete = append(txn.Delete, key)
		}
		_, ok, err = w.log.Log.Commit(w.ctx, txn)
		require.NoError(w.t, err)
	}
}

func meta(namespace, name string, generation int64) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), Generation: generation}
}

func (w *world) cluster(namespace, name string) {
	w.t.Helper()
	w.save(record.Clusters, &v1alpha1.Cluster{ObjectMeta: meta(namespace, name, 1)})
}

// bundle writes a version of the Bundle fleet/app for all Clusters.
func (w *world) bundle(version int64, data map[string][]byte, limits ...v1alpha1.RolloutStrategy) {
	w.t.Helper()
	b := &v1alpha1.Bundle{ObjectMeta: meta("fleet", "app", version)}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	if data != nil {
		b.Spec.ValuesHash = record.ValuesHash(data)
	}
	for i := range limits {
		b.Spec.RolloutStrategy = &limits[i]
	}
	w.save(record.Bundles, b)
}

func (w *world) namespace(name string, labels map[string]string) {
	w.t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}}
	for key, value := range labels {
		ns.Labels[key] = value
	}
	_, err := w.core.CoreV1().Namespaces().Update(w.ctx, ns, metav1.UpdateOptions{})
	if err != nil {
		_, err = w.core.CoreV1().Namespaces().Create(w.ctx, ns, metav1.CreateOptions{})
	}
	require.NoError(w.t, err)
}

func (w *world) secret(kind string, data map[string][]byte) {
	w.t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "app"}, Type: corev1.SecretType(kind), Data: data}
	_, err := w.core.CoreV1().Secrets("fleet").Update(w.ctx, s, metav1.UpdateOptions{})
	if err != nil {
		_, err = w.core.CoreV1().Secrets("fleet").Create(w.ctx, s, metav1.CreateOptions{})
	}
	require.NoError(w.t, err)
}

func data(value string) map[string][]byte {
	return map[string][]byte{"values.yaml": []byte(`{"v":"` + value + `"}`)}
}

// deployed returns the value that each Cluster is to have.
func (w *world) deployed() map[string]string {
	out := map[string]string{}
	v, err := w.engine.Barrier(w.ctx)
	if err != nil {
		return nil
	}
	for item := range v.All(record.BundleDeployments, record.Name{}) {
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
	w.t.Helper()
	var have values
	require.Eventually(w.t, func() bool {
		have = w.deployed()
		return len(have) == len(want) && equal(have, want)
	}, deadline/2, 5*time.Millisecond, "want %v", want)
}

func equal(a, b values) bool {
	for key := range a {
		if a[key] != b[key] {
			return false
		}
	}
	return true
}

// mirrors returns the records of a kind that exist.
func (w *world) mirrors(resource string) []string {
	var out []string
	revision, err := w.log.Revision(w.ctx)
	require.NoError(w.t, err)
	require.NoError(w.t, w.log.Load(w.ctx, revision, func(r etcd.Record) {
		if r.Key.Type == record.TypeMirror && r.Key.Resource == resource {
			out = append(out, r.Key.Name.String())
		}
	}))
	return out
}

func (w *world) mirrorsBecome(resource string, n int) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return len(w.mirrors(resource)) == n }, deadline/2, 5*time.Millisecond, "%s: %v", resource, w.mirrors(resource))
}

// committed waits until so many writes are counted. A write is visible before it is counted.
func (w *world) committed(n int64) {
	w.t.Helper()
	require.Eventually(w.t, func() bool { return w.log.commits.Load() >= n }, deadline/2, time.Millisecond)
	require.Equal(w.t, n, w.log.commits.Load())
}

func TestFleetApplyInItsOrderAndInTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("fleet", "c1")
	w.bundle(1, data("a"))
	w.becomes(values{})
	w.secret("Opaque", data("a"))
	w.becomes(values{})
	require.NoError(t, w.core.CoreV1().Secrets("fleet").Delete(w.ctx, "app", metav1.DeleteOptions{}))
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

func TestALostSecretTakesNothingWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secret(v1alpha1.SecretTypeBundleValues, data("a"))
	w.cluster("fleet", "c1")
	w.bundle(1, data("a"))
	w.becomes(values{"c1": "a"})
	require.NoError(t, w.core.CoreV1().Secrets("fleet").Delete(w.ctx, "app", metav1.DeleteOptions{}))
	w.cluster("fleet", "c2")
	w.becomes(values{"c1": "a", "c2": "a"})
	w.running()
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
	w.remove(record.Bundles, record.Name{Namespace: "fleet", Name: "app"})
	w.becomes(values{})
	w.mirrorsBecome(record.Secrets, 0)
}

func TestWhatChangedWhileNobodyMirroredIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.namespace("gone", map[string]string{"a": "1"})
	w.namespace("edited", map[string]string{"a": "1"})
	w.cluster("fleet", "c1")
	w.bundle(1, data("a"))
	w.secret(v1alpha1.SecretTypeBundleValues, data("a"))
	w.becomes(values{"c1": "a"})
	w.mirrorsBecome(record.Namespaces, 2)
	w.running()
	require.NoError(t, w.core.CoreV1().Namespaces().Delete(w.ctx, "gone", metav1.DeleteOptions{}))
	w.namespace("edited", nil)
	w.namespace("new", map[string]string{"b": "2"})
	w.secret(v1alpha1.SecretTypeBundleValues, data("b"))
	w.bundle(2, data("b"))
	w.log.commits.Store(0)
	w.start()
	w.becomes(values{"c1": "b"})
	require.Eventually(t, func() bool { return slices.Equal([]string{"/new"}, w.mirrors(record.Namespaces)) }, deadline/2, 5*time.Millisecond)
	w.mirrorsBecome(record.Secrets, 1)
	w.committed(5) // two Namespaces are removed and one added; values are added and old ones removed
}

func TestAMappingFollowsTheLabelsOfANamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.bundle(1, nil)
	mapping := &v1alpha1.BundleNamespaceMapping{ObjectMeta: meta("fleet", "m", 1)}
	mapping.BundleSelector = &metav1.LabelSelector{}
	mapping.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"far": "yes"}}
	w.save(record.Mappings, mapping)
	w.namespace("other", nil)
	w.cluster("other", "c1")
	w.becomes(values{})
	require.Empty(t, w.mirrors(record.Namespaces), "the name says it all")
	w.namespace("other", map[string]string{"far": "yes"})
	w.becomes(values{"c1": "-"})
	w.committed(1)
	ns, err := w.core.CoreV1().Namespaces().Get(w.ctx, "other", metav1.GetOptions{})
	require.NoError(t, err)
	ns.Annotations = map[string]string{"note": "n"}
	_, err = w.core.CoreV1().Namespaces().Update(w.ctx, ns, metav1.UpdateOptions{})
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
	w.remove(record.Clusters, record.Name{Namespace: "cluster-1", Name: "c1"})
	w.mirrorsBecome(record.Namespaces, 1)
}
