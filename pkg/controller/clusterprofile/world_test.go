// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utiluuid "k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/options"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/test/poll"
)

const (
	namespace = "fleet"
	patience  = 30 * time.Second
)

// world holds Muster's API over an etcd, and an inventory, which is client-go's fake: the real
// one is in test/e2e.
type world struct {
	t         testing.TB
	pipeline  *registry.Pipeline
	client    versioned.Interface
	inventory *dynamicfake.FakeDynamicClient
	// writes counts the requests of controllers that write.
	writes atomic.Int64
	config *rest.Config
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, pipeline: registry.New(registry.Config{Client: etcdtest.Start(t).Client, Engine: engine.DefaultOptions()})}
	w.background(func(ctx context.Context) { w.pipeline.Run(ctx) })
	w.config = w.serve()
	var err error
	w.client, err = versioned.NewForConfig(w.config)
	require.NoError(t, err)
	w.inventory = dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{Resource: "ClusterProfileList"})
	w.eventually(func(context.Context) error { return w.pipeline.Engine.Ready() })
	return w
}

// background calls run in a goroutine until stop is called or the test ends.
func (w *world) background(run func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { run(ctx) })
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.t.Cleanup(stop)
	return stop
}

// serve serves Muster's API, which permits every request.
func (w *world) serve() *rest.Config {
	w.t.Helper()
	listener, err := new(net.ListenConfig).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = listener.Close() })
	config := server.NewConfig()
	secure := &options.SecureServingOptions{Listener: listener, BindAddress: net.IPv4(127, 0, 0, 1)}
	require.NoError(w.t, secure.MaybeDefaultWithSelfSignedCerts("localhost", nil, nil))
	require.NoError(w.t, secure.WithLoopback().ApplyTo(&config.SecureServing, &config.LoopbackClientConfig))
	config.Authentication.Authenticator = authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
		return &authenticator.Response{User: &user.DefaultInfo{Name: "root"}}, true, nil
	})
	config.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	api, err := w.pipeline.NewServer(server.Config{Generic: config})
	require.NoError(w.t, err)
	serving := httptest.NewServer(api.PrepareRun().Handler)
	w.t.Cleanup(serving.Close)
	return &rest.Config{Host: serving.URL, QPS: -1}
}

// run runs a controller with the default settings until stop is called.
func (w *world) run() (stop func()) { return w.runWith(DefaultSettings()) }

func (w *world) runWith(settings Settings) (stop func()) {
	counted := rest.CopyConfig(w.config)
	counted.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet {
				w.writes.Add(1)
			}
			return next.RoundTrip(r)
		})
	})
	client, err := versioned.NewForConfig(counted)
	require.NoError(w.t, err)
	c := New(Options{Settings: settings, Engine: w.pipeline.Engine, Client: client, Inventory: w.inventory})
	return w.background(func(ctx context.Context) { _ = c.Run(ctx) })
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (w *world) eventually(try func(ctx context.Context) error) {
	w.t.Helper()
	poll.Eventually(w.t, patience, try)
}

// cluster creates a Cluster.
func (w *world) cluster(name string, labels, annotations map[string]string) {
	w.t.Helper()
	c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels, Annotations: annotations}}
	_, err := w.client.FleetV1alpha1().Clusters(namespace).Create(w.t.Context(), c, metav1.CreateOptions{FieldManager: "author"})
	require.NoError(w.t, err)
}

func (w *world) get(name string) *v1alpha1.Cluster {
	w.t.Helper()
	c, err := w.client.FleetV1alpha1().Clusters(namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	require.NoError(w.t, err)
	return c
}

// patch changes a Cluster as kubectl does.
func (w *world) patch(name, body string) {
	w.t.Helper()
	_, err := w.client.FleetV1alpha1().Clusters(namespace).Patch(w.t.Context(), name, types.MergePatchType, []byte(body), metav1.PatchOptions{FieldManager: "person"})
	require.NoError(w.t, err)
}

type are = map[string]string

// becomes waits until a Cluster has exactly these labels.
func (w *world) becomes(name string, labels are) {
	w.t.Helper()
	poll.Eventually(w.t, patience, func(context.Context) error { return differ(labels, w.get(name).Labels) })
}

// profile makes a profile of a namespace, or replaces it. It is an hour old.
func (w *world) profile(namespace, name string, labels, properties are) {
	w.t.Helper()
	w.profileSince(time.Now().Add(-time.Hour), namespace, name, labels, properties)
}

func (w *world) profileSince(created time.Time, namespace, name string, labels, properties are) {
	w.t.Helper()
	var list []any
	for name, value := range properties {
		list = append(list, map[string]any{"name": name, "value": value, "lastObservedTime": time.Now().UTC().Format(time.RFC3339)})
	}
	p := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"clusterManager": map[string]any{"name": "test"}}}}
	if len(list) > 0 {
		p.Object["status"] = map[string]any{"properties": list}
	}
	p.SetGroupVersionKind(Resource.GroupVersion().WithKind("ClusterProfile"))
	p.SetNamespace(namespace)
	p.SetName(name)
	p.SetLabels(labels)
	p.SetCreationTimestamp(metav1.NewTime(created))
	profiles := w.inventory.Resource(Resource).Namespace(namespace)
	if old, err := profiles.Get(w.t.Context(), name, metav1.GetOptions{}); err == nil {
		p.SetUID(old.GetUID())
		_, err := profiles.Update(w.t.Context(), p, metav1.UpdateOptions{})
		require.NoError(w.t, err)
		return
	}
	p.SetUID(utiluuid.NewUUID())
	_, err := profiles.Create(w.t.Context(), p, metav1.CreateOptions{})
	require.NoError(w.t, err)
}

func (w *world) deleteProfile(namespace, name string) {
	w.t.Helper()
	require.NoError(w.t, w.inventory.Resource(Resource).Namespace(namespace).Delete(w.t.Context(), name, metav1.DeleteOptions{}))
}
