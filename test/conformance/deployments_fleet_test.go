// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	reader "github.com/musterfleet/muster/pkg/registry/storage"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// everything is the key of all BundleDeployments.
const everything = "/" + record.BundleDeployments

// fleet holds Bundles and Clusters on an etcd of their own, and the BundleDeployments that
// follow from them: each Bundle's on the Clusters of its environment. It computes by itself
// which BundleDeployments have to exist at each revision.
type fleet struct {
	t      *testing.T
	server *etcdtest.Server
	log    *etcd.Log
	stop   func()

	bundles, clusters, deployments *reader.Store

	now    state
	states []state
}

// state holds what existed from a revision on.
type state struct {
	revision int64
	clusters map[string]string // their environments
	bundles  map[string]app
}

type app struct{ environment, team string }

// newFleet returns an empty fleet.
func newFleet(t *testing.T) *fleet {
	t.Helper()
	server := etcdtest.Start(t)
	f := &fleet{t: t, server: server, log: etcd.New(server.Client, "/muster"), stop: func() {}}
	f.now = state{clusters: map[string]string{}, bundles: map[string]app{}}
	f.restart()
	return f
}

// grownFleet returns a fleet with two Bundles, of the teams red and blue, on three
// Clusters.
func grownFleet(t *testing.T) *fleet {
	t.Helper()
	f := newFleet(t)
	for _, cluster := range []string{"c1", "c2", "c3"} {
		f.setCluster(cluster, "prod")
	}
	f.setBundle("app", "prod", "red")
	f.setBundle("web", "prod", "blue")
	return f
}

// restart puts a new replica in the place of the current one.
func (f *fleet) restart() {
	f.t.Helper()
	f.stop()
	var e *engine.Engine
	e, f.stop = startEngine(f.t, f.log)
	f.bundles = reader.NewObjects(record.Bundles, e, f.log)
	f.clusters = reader.NewObjects(record.Clusters, e, f.log)
	f.deployments = reader.NewReports(record.BundleDeployments, e, f.log)
}

// compact makes history begin at a revision, for a replica that starts after it.
func (f *fleet) compact(revision int64) {
	f.t.Helper()
	_, err := f.server.Client.Compact(f.t.Context(), revision)
	require.NoError(f.t, err)
	f.restart()
}

// present returns etcd's revision.
func (f *fleet) present() int64 {
	f.t.Helper()
	got, err := f.server.Client.Get(f.t.Context(), "elsewhere")
	require.NoError(f.t, err)
	return got.Header.Revision
}

func metaOf(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "fleet", Name: name, UID: types.UID("uid-of-" + name), Generation: 1}
}

// setCluster creates a Cluster, or moves it to another environment.
func (f *fleet) setCluster(name, environment string) int64 {
	f.t.Helper()
	_, there := f.now.clusters[name]
	f.now.clusters[name] = environment
	return f.write(f.clusters, "/clusters/fleet/"+name, there, &v1alpha1.Cluster{ObjectMeta: metaOf(name)}, func(in runtime.Object) {
		in.(*v1alpha1.Cluster).Labels = map[string]string{"env": environment}
	})
}

// setBundle creates a Bundle for an environment, or changes it.
func (f *fleet) setBundle(name, environment, team string) int64 {
	f.t.Helper()
	_, there := f.now.bundles[name]
	f.now.bundles[name] = app{environment, team}
	return f.write(f.bundles, "/bundles/fleet/"+name, there, &v1alpha1.Bundle{ObjectMeta: metaOf(name)}, func(in runtime.Object) {
		b := in.(*v1alpha1.Bundle)
		b.Labels = map[string]string{"team": team}
		b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": environment}}}}}
	})
}

func (f *fleet) write(s *reader.Store, key string, there bool, object record.APIObject, change func(runtime.Object)) int64 {
	f.t.Helper()
	out := object.DeepCopyObject().(record.APIObject)
	if !there {
		change(object)
		require.NoError(f.t, s.Create(f.t.Context(), key, object, out, 0))
		return f.wrote(out)
	}
	require.NoError(f.t, s.GuaranteedUpdate(f.t.Context(), key, out, false, nil, storage.SimpleUpdate(func(in runtime.Object) (runtime.Object, error) {
		change(in)
		return in, nil
	}), nil))
	return f.wrote(out)
}

func (f *fleet) deleteCluster(name string) int64 {
	f.t.Helper()
	delete(f.now.clusters, name)
	out := &v1alpha1.Cluster{}
	require.NoError(f.t, f.clusters.Delete(f.t.Context(), "/clusters/fleet/"+name, out, nil, storage.ValidateAllObjectFunc, nil, storage.DeleteOptions{}))
	return f.wrote(out)
}

// wrote records what exists from the revision of a write on.
func (f *fleet) wrote(out record.APIObject) int64 {
	f.t.Helper()
	revision := f.number(out.GetResourceVersion())
	f.states = append(f.states, state{revision, maps.Clone(f.now.clusters), maps.Clone(f.now.bundles)})
	return revision
}

func (f *fleet) number(resourceVersion string) int64 {
	f.t.Helper()
	version, err := strconv.ParseInt(resourceVersion, 10, 64)
	require.NoError(f.t, err)
	return view.Version(version).Revision()
}

func text(revision int64) string { return view.VersionAt(revision).String() }

// home returns the namespace of a Cluster's BundleDeployments.
func home(cluster string) string { return names.ClusterNamespace("fleet", cluster) }

// keyOf returns the key of a BundleDeployment.
func keyOf(cluster, bundle string) string { return everything + "/" + home(cluster) + "/" + bundle }

// at returns, in order, the keys of the BundleDeployments that have to exist at a revision.
// If namespace or team is not "", it returns only theirs.
func (f *fleet) at(revision int64, namespace, team string) []string {
	f.t.Helper()
	var now state
	for _, s := range f.states {
		if s.revision <= revision {
			now = s
		}
	}
	out := []string{}
	for cluster, environment := range now.clusters {
		for bundle, a := range now.bundles {
			if a.environment == environment && (namespace == "" || namespace == home(cluster)) && (team == "" || team == a.team) {
				out = append(out, keyOf(cluster, bundle))
			}
		}
	}
	slices.Sort(out)
	return out
}

// selecting returns a predicate by team and by field, if they are not "".
func selecting(team, field string) storage.SelectionPredicate {
	out := storage.SelectionPredicate{Label: labels.Everything(), Field: fields.Everything(), GetAttrs: kinds.GetAttrs}
	if team != "" {
		out.Label = labels.SelectorFromSet(labels.Set{"team": team})
	}
	if field != "" {
		out.Field = fields.ParseSelectorOrDie(field)
	}
	return out
}

func (f *fleet) list(key string, options storage.ListOptions) (*v1alpha1.BundleDeploymentList, error) {
	options.Recursive = true
	out := &v1alpha1.BundleDeploymentList{}
	return out, f.deployments.GetList(f.t.Context(), key, options, out)
}

func (f *fleet) get(key string) *v1alpha1.BundleDeployment {
	f.t.Helper()
	out := &v1alpha1.BundleDeployment{}
	require.NoError(f.t, f.deployments.Get(f.t.Context(), key, storage.GetOptions{}, out))
	return out
}

func keysOf(list *v1alpha1.BundleDeploymentList) []string {
	out := []string{}
	for i := range list.Items {
		out = append(out, keyOfObject(&list.Items[i]))
	}
	return out
}

func keyOfObject(o metav1.Object) string {
	return fmt.Sprintf("%s/%s/%s", everything, o.GetNamespace(), o.GetName())
}

// requireTooLarge checks that err is about a revision in the future.
func requireTooLarge(t *testing.T, err error) {
	t.Helper()
	require.True(t, storage.IsTooLargeResourceVersion(err), "%v", err)
	status := statusOf(t, err)
	require.EqualValues(t, 504, status.Code)
	require.Contains(t, status.Message, "Too large resource version")
	require.EqualValues(t, 1, status.Details.RetryAfterSeconds)
}

func requireExpired(t *testing.T, err error) *metav1.Status {
	t.Helper()
	status := statusOf(t, err)
	require.EqualValues(t, 410, status.Code)
	require.Equal(t, metav1.StatusReasonExpired, status.Reason)
	return status
}

func statusOf(t *testing.T, err error) *metav1.Status {
	t.Helper()
	var api apierrors.APIStatus
	require.ErrorAs(t, err, &api)
	status := api.Status()
	return &status
}
