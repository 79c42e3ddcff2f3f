// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// failureIs waits until the Ready condition of a Bundle contains a text; "" means no failure.
func (w *world) failureIs(namespace, bundle, text string) {
	w.T.Helper()
	w.Eventually(func() bool {
		item, _ := w.View().Get(record.Bundles, record.Name{Namespace: namespace, Name: bundle}).(*view.Object)
		if item == nil {
			return false
		}
		have := item.Derived.Failure
		return text == "" && have == "" || text != "" && strings.Contains(have, text)
	}, "Bundle %s/%s does not say %q", namespace, bundle, text)
}

// held collects each type and content that is ever written to a Secret.
func (w *world) held(namespace, name string) func() map[string]bool {
	var mu sync.Mutex
	out := map[string]bool{}
	w.core.PrependReactor("*", "secrets", func(action clienttesting.Action) (bool, runtime.Object, error) {
		var object runtime.Object
		switch action := action.(type) {
		case clienttesting.CreateActionImpl:
			object = action.GetObject()
		case clienttesting.UpdateActionImpl:
			object = action.GetObject()
		}
		if s, ok := object.(*corev1.Secret); ok && s.Namespace == namespace && s.Name == name {
			mu.Lock()
			defer mu.Unlock()
			out[string(s.Data["k"])+" as "+string(s.Type)] = true
		}
		return false, nil, nil
	})
	return func() map[string]bool {
		mu.Lock()
		defer mu.Unlock()
		return out
	}
}

// rival makes a Bundle of another tenant. Its namespace is mapped to the Clusters of fleet, and
// comes first by name. It needs a Secret of the same name, of its own.
func (w *world) rival(secret, value string) {
	w.T.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "evil", Name: secret}, Type: "example.com/type", Data: map[string][]byte{"k": []byte(value)}}
	_, err := w.core.CoreV1().Secrets("evil").Create(w.Ctx, s, metav1.CreateOptions{})
	require.NoError(w.T, err)
	m := &v1alpha1.BundleNamespaceMapping{ObjectMeta: controllertest.Meta("m", 1)}
	m.Namespace = "evil"
	m.BundleSelector = &metav1.LabelSelector{}
	m.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "fleet"}}
	w.Save(m)
	b := controllertest.Bundle("other", 1)
	b.Namespace = "evil"
	b.Spec.DownstreamResources = []v1alpha1.DownstreamResource{{Kind: "Secret", Name: secret}}
	w.Save(b)
}

// chart makes a Bundle that needs a Secret for a chart repository.
func (w *world) chart(name, secret string) {
	w.T.Helper()
	b := controllertest.Bundle(name, 1)
	b.Spec.HelmOpOptions = &v1alpha1.BundleHelmOptions{SecretName: secret}
	w.Save(b)
}

func TestACopyNeverHoldsAnotherTenantsContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	held := w.held(ns, "db")
	w.secret("db", "fleet's own")
	w.bundle("app", 1, "Secret/db")
	w.countIs(ns, "app", 1)
	w.rival("db", "evil's")
	const says = "db is in the way of the copy of Secret evil/db: it is the copy of Secret fleet/db, which another Bundle needs on this Cluster"
	w.failureIs("evil", "other", says)
	w.failureIs("fleet", "app", "")
	before := w.writes.Load()
	w.quiet(ns, "marker")
	require.EqualValues(t, 2, w.writes.Load()-before, "the marker and its copy: the two do not fight")
	w.stop()
	w.start() // a new one remembers nothing
	w.quiet(ns, "another")
	w.failureIs("evil", "other", says)
	w.secret("db", "new")
	w.copyIs(ns, "db", "new")
	w.countIs(ns, "app", 2)
	w.countIs(ns, "other", 0)
	require.True(t, w.deployment(ns, "other").Spec.WaitingForValues, "its agent would read the other's")
	require.False(t, w.deployment(ns, "app").Spec.WaitingForValues)
	require.Equal(t, map[string]bool{"fleet's own as example.com/type": true, "new as example.com/type": true}, held())
}

func TestACopyOfOneTypeIsNotReplacedByOneOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	held := w.held(ns, "registry")
	w.secret("registry", "one")
	w.bundle("app", 1, "Secret/registry")
	w.countIs(ns, "app", 1)
	w.chart("chart", "registry")
	w.failureIs("fleet", "chart", "registry is in the way of the copy of Secret fleet/registry as a Secret of type "+v1alpha1.SecretTypeHelmOpAccess)
	before := w.writes.Load()
	w.quiet(ns, "marker")
	require.EqualValues(t, 2, w.writes.Load()-before, "the marker and its copy: the two do not fight")
	require.Equal(t, map[string]bool{"one as example.com/type": true}, held())
	w.failureIs("fleet", "app", "")
	w.countIs(ns, "app", 1)
	require.True(t, w.deployment(ns, "chart").Spec.WaitingForValues, "its agent would send the other's to a chart repository")
	require.False(t, w.deployment(ns, "app").Spec.WaitingForValues)
	// A Secret that changes its type keeps its origin. To the informer a deletion and a
	// creation may look like one update; if it sees both, either copy may come first.
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "registry"}, Type: "example.com/new", Data: map[string][]byte{"k": []byte("two")}}
	_, err := w.core.CoreV1().Secrets("fleet").Update(w.Ctx, s, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.EqualValues(t, "example.com/new", w.copyIs(ns, "registry", "two").Type)
}

func TestACopyThatIsNotNeededAnyMoreMakesRoom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		end  func(w *world)
	}{
		{"its Bundle names another", func(w *world) { w.bundle("app", 2, "Secret/second") }},
		{"its Bundle names nothing", func(w *world) { w.bundle("app", 2) }},
		{"its Bundle is gone", func(w *world) { w.Delete(record.Bundles, "fleet", "app") }},
		{"its Bundle went while nothing ran", func(w *world) {
			w.stop()
			w.Delete(record.Bundles, "fleet", "app")
			w.start()
		}},
		{"the copy is lost with its Bundle", func(w *world) {
			w.Delete(record.Bundles, "fleet", "app")
			_ = w.core.CoreV1().Secrets(w.cluster("c1")).Delete(w.Ctx, "db", metav1.DeleteOptions{})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ns := w.cluster("c1")
			w.secret("db", "fleet's own")
			w.secret("second", "two")
			w.bundle("app", 1, "Secret/db")
			w.countIs(ns, "app", 1)
			w.rival("db", "evil's")
			w.failureIs("evil", "other", "is in the way")
			c.end(w)
			have := w.copyIs(ns, "db", "evil's")
			require.Len(t, have.OwnerReferences, 1)
			require.Equal(t, "other", have.OwnerReferences[0].Name)
			require.NotNil(t, have.OwnerReferences[0].Controller)
			w.countIs(ns, "other", 1)
			w.failureIs("evil", "other", "")
			require.False(t, w.deployment(ns, "other").Spec.WaitingForValues)
		})
	}
}

// TestACopyWithoutASourceAnnotationIsAdopted begins with copies of earlier versions and of
// Fleet. They have no annotation, and earlier versions entered both rivals as owners.
func TestACopyWithoutASourceAnnotationIsAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ns := w.cluster("c1")
	w.secret("db", "fleet's own")
	w.bundle("app", 1, "Secret/db")
	w.countIs(ns, "app", 1)
	w.rival("db", "evil's")
	w.failureIs("evil", "other", "is in the way")
	w.stop()
	have := w.copyIs(ns, "db", "fleet's own")
	have.Annotations = nil
	have.Data = map[string][]byte{"k": []byte("evil's")}
	other := w.deployment(ns, "other")
	have.OwnerReferences = append([]metav1.OwnerReference{{APIVersion: "fleet.cattle.io/v1alpha1", Kind: "BundleDeployment", Name: "other", UID: other.UID}}, have.OwnerReferences...)
	_, err := w.core.CoreV1().Secrets(ns).Update(w.Ctx, have, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.start()
	have = w.copyIs(ns, "db", "fleet's own")
	require.Equal(t, map[string]string{"muster.fleet.cattle.io/source": "secrets/fleet/db/"}, have.Annotations)
	require.Len(t, have.OwnerReferences, 1, "the rival owns it no more")
	w.failureIs("evil", "other", "is in the way")
	// A copy for a BundleDeployment that is not known goes to the first one that needs it.
	w.stop()
	have.Annotations = nil
	have.OwnerReferences[0].UID = "fleet's own BundleDeployment had another"
	_, err = w.core.CoreV1().Secrets(ns).Update(w.Ctx, have, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.Delete(record.Bundles, "evil", "other")
	w.start()
	w.Eventually(func() bool {
		have = w.copyIs(ns, "db", "fleet's own")
		return len(have.OwnerReferences) == 1 && have.OwnerReferences[0].UID == w.deployment(ns, "app").UID
	})
	require.Equal(t, "secrets/fleet/db/", have.Annotations["muster.fleet.cattle.io/source"])
}

func TestImpossibleCopiesAreReportedAndNotRetried(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		named []string
		says  string
	}{
		{"a source that does not exist", []string{"ConfigMap/m"}, "the ConfigMap fleet/m, which is to be copied, does not exist"},
		{"a kind that is not copied", []string{"Pod/p"}, `unsupported kind for object to copy to downstream: "Pod"`},
		{"no kind", []string{"/p"}, `unsupported kind for object to copy to downstream: ""`},
		{"no name", []string{"Secret/"}, "downstreamResources has a Secret without a name: set its name, or remove the entry"},
		{"a name that nothing can have", []string{"Secret/a/b"}, `downstreamResources names the Secret "a/b", which cannot exist`},
		{"the agent's own Secret", []string{"Secret/agents"}, "agents is in the way of the copy of Secret fleet/agents: no BundleDeployment owns it; rename it, or the source"},
		{"five of them", []string{"Secret/a", "Secret/b", "Secret/c", "Secret/d", "Secret/e"}, "the Secret fleet/c, which is to be copied, does not exist; and 2 more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ns := w.cluster("c1")
			_, err := w.core.CoreV1().Secrets(ns).Create(w.Ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "agents"}}, metav1.CreateOptions{})
			require.NoError(t, err)
			w.secret("agents", "x")
			w.bundle("app", 1, c.named...)
			w.failureIs("fleet", "app", c.says)
			w.quiet(ns, "marker")
			require.True(t, w.deployment(ns, "app").Spec.WaitingForValues)
			require.Zero(t, w.running.queue.NumRequeues(record.Name{Namespace: ns, Name: "app"}))
			w.bundle("app", 2)
			w.failureIs("fleet", "app", "")
			require.False(t, w.deployment(ns, "app").Spec.WaitingForValues)
		})
	}
}
