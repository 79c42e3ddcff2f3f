// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/view"
)

func TestAnEventIsSerialisedOnceForAllWatches(t *testing.T) {
	t.Parallel()
	f := grownFleet(t)
	from := f.setBundle("elsewhere", "nowhere", "red")
	var watches []*following
	for range 50 {
		watches = append(watches, f.watch(t, t.Context(), everything, storage.ListOptions{ResourceVersion: text(from), Predicate: selecting("", "")}))
	}
	moved := f.setBundle("app", "prod", "blue") // on three Clusters
	encoded := map[string]int{}
	var shared []runtime.Object
	for _, w := range watches {
		for i := range 3 {
			e := w.next()
			require.Equal(t, watch.Modified, e.Type)
			if len(shared) == i {
				shared = append(shared, e.Object)
			}
			require.Same(t, shared[i], e.Object)
			require.NoError(t, e.Object.(runtime.CacheableObject).CacheEncode("test", func(o runtime.Object, _ io.Writer) error {
				d := o.(*v1alpha1.BundleDeployment)
				require.Equal(t, (view.VersionAt(moved) - view.Version(2-i)).String(), d.ResourceVersion)
				encoded[keyOfObject(d)]++
				return nil
			}, io.Discard))
		}
	}
	require.Equal(t, map[string]int{keyOf("c1", "app"): 1, keyOf("c2", "app"): 1, keyOf("c3", "app"): 1}, encoded)
}

func TestReportsOnBundleDeploymentsUnderPreconditions(t *testing.T) {
	t.Parallel()
	f := grownFleet(t)
	key := keyOf("c1", "app")
	report := func(key, release string, preconditions *storage.Preconditions) (*v1alpha1.BundleDeployment, error) {
		out := &v1alpha1.BundleDeployment{}
		return out, f.deployments.GuaranteedUpdate(t.Context(), key, out, false, preconditions, storage.SimpleUpdate(func(in runtime.Object) (runtime.Object, error) {
			in.(*v1alpha1.BundleDeployment).Status.Release = release
			return in, nil
		}), nil)
	}
	at := func(resourceVersion string) *storage.Preconditions {
		return &storage.Preconditions{ResourceVersion: &resourceVersion}
	}
	unreported := f.get(key)
	first, err := report(key, "one", at(unreported.ResourceVersion))
	require.NoError(t, err)
	require.Equal(t, first, f.get(key))
	require.Equal(t, text(f.present()), first.ResourceVersion)

	same, err := report(key, "one", nil)
	require.NoError(t, err)
	require.Equal(t, first, same, "an update without a change writes nothing")
	require.Equal(t, text(f.present()), first.ResourceVersion)

	_, err = report(key, "two", at(unreported.ResourceVersion))
	require.True(t, storage.IsInvalidObj(err), "a report was written since: %v", err)
	_, err = report(key, "two", at(text(f.present()+1_000_000)))
	require.True(t, storage.IsInvalidObj(err), "no client was ever given that version: %v", err)
	other, uid := types.UID("other"), unreported.UID
	_, err = report(key, "two", &storage.Preconditions{UID: &other})
	require.True(t, storage.IsInvalidObj(err), "%v", err)
	_, err = report(keyOf("c9", "app"), "two", nil)
	require.True(t, storage.IsNotFound(err), "%v", err)
	require.Equal(t, first, f.get(key), "the refused update was not stored")

	// The object changes, but not its report.
	require.Equal(t, f.setBundle("app", "prod", "blue"), f.number(f.get(key).ResourceVersion))
	second, err := report(key, "two", at(first.ResourceVersion))
	require.NoError(t, err)
	require.Equal(t, "two", second.Status.Release)
	third, err := report(key, "three", &storage.Preconditions{UID: &uid})
	require.NoError(t, err)

	// An update that another overtakes is tried again, on what the other wrote.
	attempts := 0
	out := &v1alpha1.BundleDeployment{}
	require.NoError(t, f.deployments.GuaranteedUpdate(t.Context(), key, out, false, nil, storage.SimpleUpdate(func(in runtime.Object) (runtime.Object, error) {
		d := in.(*v1alpha1.BundleDeployment)
		if attempts++; attempts == 1 {
			require.Equal(t, third.ResourceVersion, d.ResourceVersion)
			_, err := report(key, "overtaking", nil)
			require.NoError(t, err)
		}
		d.Status.Release += ", then this"
		return d, nil
	}), nil))
	require.Equal(t, 2, attempts)
	require.Equal(t, "overtaking, then this", out.Status.Release)
	require.Equal(t, out, f.get(key))
}
