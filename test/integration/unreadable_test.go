// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	allinone "github.com/musterfleet/muster/cmd/muster/app"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/engine"
	musterserver "github.com/musterfleet/muster/pkg/registry/server"
)

// collected runs a server that leaves propagation to a garbage collector, as in a cluster.
func collected(t *testing.T) *server {
	t.Helper()
	return startWith(t, &allinone.Options{DataDir: t.TempDir(), WithoutControllers: true, AdjustRegistry: func(c *registry.Config) { c.GarbageCollection = true }})
}

// removal is a deletion of a readable object, and what remains of the object.
type removal struct {
	finalizers []string
	options    func(*metav1.DeleteOptions, *unstructured.Unstructured)
	// left holds the remaining finalizers; nil if the object is gone.
	left []string
	// conflict is set if the server refuses the deletion.
	conflict bool
}

// ignoring returns the options of a deletion that ignores read errors.
func ignoring(dry ...string) metav1.DeleteOptions {
	return metav1.DeleteOptions{IgnoreStoreReadErrorWithClusterBreakingPotential: ptr.To(true), DryRun: dry}
}

func propagate(policy metav1.DeletionPropagation) func(*metav1.DeleteOptions, *unstructured.Unstructured) {
	return func(o *metav1.DeleteOptions, _ *unstructured.Unstructured) { o.PropagationPolicy = &policy }
}

func preconditions(of func(*unstructured.Unstructured) metav1.Preconditions) func(*metav1.DeleteOptions, *unstructured.Unstructured) {
	return func(o *metav1.DeleteOptions, now *unstructured.Unstructured) { o.Preconditions = ptr.To(of(now)) }
}

var removals = map[string]removal{
	"a plain deletion":              {},
	"a background deletion":         {options: propagate(metav1.DeletePropagationBackground)},
	"a foreground deletion":         {options: propagate(metav1.DeletePropagationForeground), left: []string{metav1.FinalizerDeleteDependents}},
	"an orphaning deletion":         {options: propagate(metav1.DeletePropagationOrphan), left: []string{metav1.FinalizerOrphanDependents}},
	"a deletion without grace":      {options: func(o *metav1.DeleteOptions, _ *unstructured.Unstructured) { o.GracePeriodSeconds = ptr.To[int64](0) }},
	"a held deletion":               {finalizers: []string{"example.com/a"}, left: []string{"example.com/a"}},
	"a held deletion without grace": {finalizers: []string{"example.com/a"}, left: []string{"example.com/a"}, options: func(o *metav1.DeleteOptions, _ *unstructured.Unstructured) { o.GracePeriodSeconds = ptr.To[int64](0) }},
	"a held foreground deletion":    {finalizers: []string{"example.com/a"}, options: propagate(metav1.DeletePropagationForeground), left: []string{"example.com/a", metav1.FinalizerDeleteDependents}},
	"a deletion of another UID": {conflict: true, options: preconditions(func(*unstructured.Unstructured) metav1.Preconditions {
		return metav1.Preconditions{UID: ptr.To(types.UID("other"))}
	})},
	"a deletion of an older state": {conflict: true, options: preconditions(func(*unstructured.Unstructured) metav1.Preconditions {
		return metav1.Preconditions{ResourceVersion: ptr.To("1")}
	})},
	"a deletion of that UID": {options: preconditions(func(o *unstructured.Unstructured) metav1.Preconditions {
		return metav1.Preconditions{UID: ptr.To(o.GetUID())}
	})},
	"a deletion of the current state": {options: preconditions(func(o *unstructured.Unstructured) metav1.Preconditions {
		return metav1.Preconditions{ResourceVersion: ptr.To(o.GetResourceVersion())}
	})},
}

// TestAReadableObjectIsDeletedByTheRules: the option to ignore read errors does not delete
// it, a dry run deletes nothing, and finalizers, propagation and preconditions apply.
func TestAReadableObjectIsDeletedByTheRules(t *testing.T) {
	t.Parallel()
	s := collected(t)
	forEachStoredKindOf(t, s, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		for i, title := range slices.Sorted(maps.Keys(removals)) {
			r := removals[title]
			object := k.object(name("o", i))
			object.SetFinalizers(r.finalizers)
			made := create(t, c, object)
			options := func(dry, ignore bool) metav1.DeleteOptions {
				var out metav1.DeleteOptions
				if r.options != nil {
					r.options(&out, made)
				}
				if dry {
					out.DryRun = []string{metav1.DryRunAll}
				}
				if ignore {
					out.IgnoreStoreReadErrorWithClusterBreakingPotential = ptr.To(true)
				}
				return out
			}
			for _, dry := range []bool{true, false} {
				err := c.Delete(t.Context(), made.GetName(), options(dry, true))
				if r.options == nil {
					require.True(t, apierrors.IsConflict(err), "%s that ignores read errors: %v", title, err)
					require.ErrorContains(t, err, "the object is decodable", title)
				} else {
					require.True(t, apierrors.IsInvalid(err), "%s that ignores read errors: %v", title, err)
				}
				require.Equal(t, made, get(t, c, made.GetName()), "%s that ignores read errors", title)
			}
			err := c.Delete(t.Context(), made.GetName(), options(true, false))
			require.Equal(t, r.conflict, apierrors.IsConflict(err), "%s, dry: %v", title, err)
			require.Equal(t, made, get(t, c, made.GetName()), "%s, dry", title)

			err = c.Delete(t.Context(), made.GetName(), options(false, false))
			now, gone := c.Get(t.Context(), made.GetName(), metav1.GetOptions{})
			switch {
			case r.conflict:
				require.True(t, apierrors.IsConflict(err), "%s: %v", title, err)
				require.Equal(t, made, now, title)
			case r.left == nil:
				require.NoError(t, err, title)
				require.True(t, apierrors.IsNotFound(gone), "%s: %v", title, gone)
			default:
				require.NoError(t, err, title)
				require.NoError(t, gone, title)
				require.NotNil(t, now.GetDeletionTimestamp(), title)
				require.ElementsMatch(t, r.left, now.GetFinalizers(), title)
				// The option does not remove an object that a finalizer holds.
				err = c.Delete(t.Context(), made.GetName(), ignoring())
				require.True(t, apierrors.IsConflict(err), "%s: %v", title, err)
				require.Equal(t, now, get(t, c, made.GetName()), title)
			}
		}
	})
	// Computed objects and Contents are never deleted.
	for _, plural := range []string{"bundledeployments", "contents"} {
		namespace := map[string]string{"bundledeployments": "ns"}[plural]
		for _, ignore := range []*bool{nil, ptr.To(true)} {
			err := s.resource(t, plural, namespace).Delete(t.Context(), "x", metav1.DeleteOptions{IgnoreStoreReadErrorWithClusterBreakingPotential: ignore})
			require.True(t, apierrors.IsMethodNotSupported(err), "%s: %v", plural, err)
		}
	}
}

// TestAnUnreadableObjectIsDeletedOnlyByIgnoringReadErrors spoils the record of an object
// that has a finalizer and a report.
func TestAnUnreadableObjectIsDeletedOnlyByIgnoringReadErrors(t *testing.T) {
	t.Parallel()
	s := own(t)
	forEachStoredKindOf(t, s, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		held := k.object("one")
		held.SetFinalizers([]string{"example.com/a"})
		made := create(t, c, held)
		if k.status != nil {
			updateStatus(t, c, k.reported(made))
		}
		before := get(t, c, "one")
		at := k.Plural + "/" + before.GetNamespace() + "/one"
		records := func() (out []string) {
			for _, path := range []string{"object/", "report/", "pin/"} {
				response, err := s.etcd.Get(t.Context(), logPrefix+"/log/"+path+at)
				require.NoError(t, err)
				for _, kv := range response.Kvs {
					out = append(out, path+string(kv.Value))
				}
			}
			return out
		}
		w := watching(t, c, metav1.ListOptions{ResourceVersion: whole(s.revision(t))})
		require.True(t, apierrors.IsNotFound(c.Delete(t.Context(), "absent", ignoring())))

		s.put(t, "log/object/"+at, "#")
		// So that the server has seen all of it.
		create(t, c, k.object("two"))
		require.Equal(t, before, get(t, c, "one"), "it is shown unchanged")
		spoilt := records()
		err := s.raw(t).Delete().AbsPath(apiRoot + "/namespaces/" + before.GetNamespace() + "/" + k.Plural + "/one").MaxRetries(0).Do(t.Context()).Error()
		require.Error(t, err, "a plain deletion")
		require.ErrorContains(t, err, "ignoreStoreReadErrorWithClusterBreakingPotential")
		for title, change := range map[string]func(*metav1.DeleteOptions){
			"a precondition":    func(o *metav1.DeleteOptions) { o.Preconditions = &metav1.Preconditions{UID: ptr.To(before.GetUID())} },
			"a grace period":    func(o *metav1.DeleteOptions) { o.GracePeriodSeconds = ptr.To[int64](1) },
			"a propagation":     func(o *metav1.DeleteOptions) { o.PropagationPolicy = ptr.To(metav1.DeletePropagationForeground) },
			"an older spelling": func(o *metav1.DeleteOptions) { o.OrphanDependents = ptr.To(true) }, //nolint:staticcheck // clients may send it
		} {
			options := ignoring()
			change(&options)
			require.True(t, apierrors.IsInvalid(c.Delete(t.Context(), "one", options)), title)
		}
		require.True(t, apierrors.IsInvalid(c.DeleteCollection(t.Context(), ignoring(), metav1.ListOptions{})), "a collection")
		require.NoError(t, c.Delete(t.Context(), "one", ignoring(metav1.DryRunAll)))
		require.Equal(t, spoilt, records(), "a refusal or a dry run changed a record")
		require.Equal(t, before, get(t, c, "one"))

		require.NoError(t, c.Delete(t.Context(), "one", ignoring()))
		require.Empty(t, records())
		_, err = c.Get(t.Context(), "one", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
		w.expect(watch.Added, "two")
		w.expect(watch.Deleted, "one")
		again := create(t, c, k.object("one"))
		require.NotEqual(t, made.GetUID(), again.GetUID())
		require.Empty(t, again.GetFinalizers())
	})
}

// TestABundleWithoutItsContentCannotBeRead: only the option deletes such a Bundle. Since
// the start no client could read it, and its deletion makes the others readable again.
func TestABundleWithoutItsContentCannotBeRead(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	createCluster(t, c, cluster("ns", "c1", "env", "prod"))
	for _, name := range []string{"app", "bare", "torn"} {
		b := bundle("ns", name, "env", "prod")
		b.Finalizers = []string{"example.com/a"}
		b.Spec.Resources[0].Content = "name: " + name
		createBundle(t, c, b)
	}
	bare := get(t, s.resource(t, "bundledeployments", home("ns", "c1")), "bare").GetLabels()["fleet.cattle.io/content-name"]
	_, err := s.etcd.Delete(t.Context(), logPrefix+"/content/"+bare)
	require.NoError(t, err)
	s.put(t, "log/object/bundles/ns/torn", "#")
	s.put(t, "log/pin/bundles/ns/torn", "#")
	_, err = s.etcd.Compact(t.Context(), s.revision(t))
	require.NoError(t, err)
	s = s.restart(t)

	const path = apiRoot + "/"
	require.True(t, apierrors.IsServiceUnavailable(s.once(t, path+"bundledeployments", nil)))
	bundles := s.resource(t, "bundles", "ns")
	require.True(t, apierrors.IsConflict(bundles.Delete(t.Context(), "app", ignoring())))
	for _, name := range []string{"bare", "torn"} {
		require.Error(t, s.once(t, path+"namespaces/ns/bundles/"+name, nil), name)
		require.NoError(t, bundles.Delete(t.Context(), name, ignoring()), name)
		require.True(t, apierrors.IsNotFound(s.once(t, path+"namespaces/ns/bundles/"+name, nil)), name)
	}
	require.Equal(t, []string{home("ns", "c1") + "/app"}, keys(listOf(t, s.resource(t, "bundledeployments", "")).Items))
}

// guarded serves the records of a server through another API server. The user "root" may do
// everything, other users everything except the verb.
func guarded(t *testing.T, s *server, verb string) *rest.Config {
	t.Helper()
	pipeline := registry.New(registry.Config{Client: s.etcd, Engine: engine.DefaultOptions()})
	config := musterserver.NewConfig()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	secure := &options.SecureServingOptions{Listener: listener, BindAddress: net.IPv4(127, 0, 0, 1)}
	require.NoError(t, secure.MaybeDefaultWithSelfSignedCerts("localhost", nil, nil))
	require.NoError(t, secure.WithLoopback().ApplyTo(&config.SecureServing, &config.LoopbackClientConfig))
	config.Authentication.Authenticator = authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
		name, _, ok := r.BasicAuth()
		return &authenticator.Response{User: &user.DefaultInfo{Name: name}}, ok, nil
	})
	config.Authorization.Authorizer = authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if a.GetUser().GetName() != "root" && a.GetVerb() == verb {
			return authorizer.DecisionDeny, "", nil
		}
		return authorizer.DecisionAllow, "", nil
	})
	api, err := pipeline.NewServer(musterserver.Config{Generic: config})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { pipeline.Run(ctx) })
	running.Go(func() { _ = api.PrepareRun().RunWithContext(ctx) })
	t.Cleanup(running.Wait)
	t.Cleanup(cancel)
	require.Eventually(t, func() bool { return pipeline.Engine.Ready() == nil }, within, 10*time.Millisecond)
	out := rest.AnonymousClientConfig(api.LoopbackClientConfig)
	out.TLSClientConfig = api.LoopbackClientConfig.TLSClientConfig
	out.Dial = (&net.Dialer{}).DialContext
	return out
}

// TestIgnoringReadErrorsNeedsItsOwnVerb: the right to delete is not enough.
func TestIgnoringReadErrorsNeedsItsOwnVerb(t *testing.T) {
	t.Parallel()
	s := own(t)
	createCluster(t, s.clientset(t), cluster("ns", "readable"))
	s.put(t, "log/object/clusters/ns/spoilt", "#")
	config := guarded(t, s, "unsafe-delete-ignore-read-errors")
	as := func(name string) dynamic.ResourceInterface {
		own := rest.CopyConfig(config)
		own.Username, own.Password = name, name
		c, err := dynamic.NewForConfig(own)
		require.NoError(t, err)
		return c.Resource(group.WithResource("clusters")).Namespace("ns")
	}
	for _, name := range []string{"readable", "spoilt"} {
		err := as("editor").Delete(t.Context(), name, ignoring())
		require.True(t, apierrors.IsForbidden(err), "%s: %v", name, err)
	}
	require.True(t, apierrors.IsConflict(as("root").Delete(t.Context(), "readable", ignoring())))
	require.NoError(t, as("root").Delete(t.Context(), "spoilt", ignoring()))
	require.NoError(t, as("editor").Delete(t.Context(), "readable", metav1.DeleteOptions{}), "the editor may delete")
}
