// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package lists

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/options"
	apistorage "k8s.io/apiserver/pkg/storage"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/registry/storage"
)

const namespace = "fleet-default"

// fleet holds a running server with all Bundles on all Clusters.
type fleet struct {
	bundles, clusters int

	handler http.Handler
	log     *etcd.Log
	store   *storage.Store
	edits   int
}

func start(b *testing.B, bundles, clusters int, reported bool) *fleet {
	b.Helper()
	klog.SetLogger(klog.Logger{})
	pipeline := registry.New(registry.Config{Client: etcdtest.Start(b).Client, Engine: engine.DefaultOptions()})
	f := &fleet{bundles: bundles, clusters: clusters, log: pipeline.Log}
	f.fill(b, reported)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { pipeline.Run(ctx) })
	b.Cleanup(func() { cancel(); running.Wait() })
	f.store = storage.NewObjects(record.Bundles, pipeline.Engine, f.log)
	f.handler = serve(b, pipeline)
	require.Eventually(b, func() bool { return pipeline.Engine.Ready() == nil }, time.Minute, time.Millisecond)
	return f
}

// serve returns the server's chain of handlers, which permits every request.
func serve(b *testing.B, pipeline *registry.Pipeline) http.Handler {
	b.Helper()
	listener, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	b.Cleanup(func() { _ = listener.Close() })
	config := server.NewConfig()
	secure := &options.SecureServingOptions{Listener: listener, BindAddress: net.IPv4(127, 0, 0, 1)}
	require.NoError(b, secure.MaybeDefaultWithSelfSignedCerts("localhost", nil, nil))
	require.NoError(b, secure.WithLoopback().ApplyTo(&config.SecureServing, &config.LoopbackClientConfig))
	config.Authentication.Authenticator = authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
		return &authenticator.Response{User: &user.DefaultInfo{Name: "root"}}, true, nil
	})
	config.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	api, err := pipeline.NewServer(server.Config{Generic: config})
	require.NoError(b, err)
	return api.PrepareRun().Handler
}

var made = metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))

func meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("8b0b4c7e-" + name), CreationTimestamp: made, Generation: 1}
}

func bundleName(i int) string { return fmt.Sprintf("bundle-%06d", i) }

// fill writes the records of the fleet, which look like those of test/e2e/bench/fleets.
func (f *fleet) fill(b *testing.B, reported bool) {
	b.Helper()
	txn := etcd.Txn{Put: map[record.Key][]byte{}}
	flush := func(atLeast int) {
		if len(txn.Put) > atLeast {
			_, ok, err := f.log.Commit(b.Context(), txn)
			require.NoError(b, err)
			require.True(b, ok)
			txn.Put = map[record.Key][]byte{}
		}
	}
	put := func(resource string, object record.APIObject) {
		object.GetObjectKind().SetGroupVersionKind(record.KindOf(resource))
		value, err := (&record.Object{Object: object}).Encode()
		require.NoError(b, err)
		txn.Put[record.ObjectKey(resource, record.Name{Namespace: object.GetNamespace(), Name: object.GetName()})] = value
		flush(50)
	}
	for i := range f.bundles {
		bundle := &v1alpha1.Bundle{ObjectMeta: meta(bundleName(i))}
		values := map[string]any{}
		for n := range 10 {
			values[fmt.Sprintf("value%d", n)] = fmt.Sprintf("%s-%d", bundle.Name, n)
		}
		bundle.Spec.DefaultNamespace = bundle.Name
		bundle.Spec.Helm = &v1alpha1.HelmOptions{ReleaseName: bundle.Name, Values: &v1alpha1.GenericMap{Data: values}}
		bundle.Spec.Targets = []v1alpha1.BundleTarget{{Name: "all", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}}}}
		put(record.Bundles, bundle)
	}
	for i := range f.clusters {
		cluster := &v1alpha1.Cluster{ObjectMeta: meta(fmt.Sprintf("cluster-%05d", i))}
		cluster.Labels = map[string]string{"env": "prod", "region": fmt.Sprintf("region-%d", i%7), "provider": "k3s"}
		put(record.Clusters, cluster)
		for n := range f.bundles {
			if reported {
				f.report(b, &txn, bundleName(n), cluster.Name)
				flush(50)
			}
		}
	}
	flush(0)
}

// report adds the report of Fleet's agent about a deployment of three objects.
func (f *fleet) report(b *testing.B, txn *etcd.Txn, bundle, cluster string) {
	b.Helper()
	const at = "2026-01-02T03:04:05Z"
	report := &v1alpha1.BundleDeployment{}
	report.Status = v1alpha1.BundleDeploymentStatus{
		AppliedDeploymentID: "s-be968add86c1ff4ce035725b0843ab95990894ed8447dd25623692c014717:2b3eb1c0044dd55963b580c402f9703533c40396e53a2aa27a2ba991ec15d145",
		Release:             bundle + "/" + bundle + ":1", Ready: true, NonModified: true, SyncGeneration: new(int64),
		ResourceCounts: v1alpha1.ResourceCounts{Ready: 3, DesiredReady: 3},
	}
	for _, kind := range []string{"Installed", "Deployed", "Monitored", "Ready"} {
		report.Status.Conditions = append(report.Status.Conditions, v1alpha1.GenericCondition{Type: kind, Status: "True", LastUpdateTime: at})
	}
	for _, kind := range []string{"Deployment", "Service", "ConfigMap"} {
		report.Status.Resources = append(report.Status.Resources, v1alpha1.BundleDeploymentResource{Kind: kind, APIVersion: "v1", Namespace: bundle, Name: bundle, CreatedAt: made})
	}
	home := names.ClusterNamespace(namespace, cluster)
	uid := derive.IdentityUID(meta(bundle).UID, meta(cluster).UID)
	value, err := (&record.Report{UID: uid, Status: report}).Encode()
	require.NoError(b, err)
	txn.Put[record.ReportKey(record.BundleDeployments, record.Name{Namespace: home, Name: bundle})] = value
}

// edit changes the values of a Bundle, and thereby all its BundleDeployments.
func (f *fleet) edit(b *testing.B) {
	b.Helper()
	f.edits++
	key := "/bundles/" + namespace + "/" + bundleName(f.edits%f.bundles)
	require.NoError(b, f.store.GuaranteedUpdate(b.Context(), key, &v1alpha1.Bundle{}, false, nil,
		func(now runtime.Object, _ apistorage.ResponseMeta) (runtime.Object, *uint64, error) {
			bundle := now.DeepCopyObject().(*v1alpha1.Bundle)
			bundle.Spec.Helm.Values.Data["value0"] = fmt.Sprint(f.edits)
			return bundle, nil, nil
		}, nil))
}
