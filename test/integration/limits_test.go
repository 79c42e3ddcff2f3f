// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// The tests of this file use an etcd with its default limits: 128 operations and 1.5 MiB in
// a transaction. The number of affected Bundles or Clusters never makes the server refuse a
// write.

// fleet holds a server and a client, for one namespace.
type fleet struct {
	*testing.T
	*server
	c  versioned.Interface
	ns string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	t.Parallel()
	s := own(t)
	return &fleet{t, s, s.clientset(t), "fleet-default"}
}

// each calls do n times, several calls at once.
func (f *fleet) each(n int, do func(i int) error) {
	f.Helper()
	const workers = 16
	errs := make([]error, workers)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = do(i)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(f, err)
	}
}

func (f *fleet) clusters(n int, labels ...string) {
	f.Helper()
	f.each(n, func(i int) error {
		_, err := f.c.FleetV1alpha1().Clusters(f.ns).Create(f.Context(), cluster(f.ns, name("c", i), labels...), metav1.CreateOptions{})
		return err
	})
}

// bundles creates n Bundles for all Clusters, each altered by change.
func (f *fleet) bundles(n int, change func(i int, b *v1alpha1.Bundle)) {
	f.Helper()
	f.each(n, func(i int) error {
		b := empty(f.ns, name("b", i))
		change(i, b)
		_, err := f.c.FleetV1alpha1().Bundles(f.ns).Create(f.Context(), b, metav1.CreateOptions{})
		return err
	})
}

// empty returns a Bundle without resources, for all Clusters.
func empty(namespace, name string) *v1alpha1.Bundle {
	b := bundle(namespace, name)
	b.Spec.Resources = nil
	return b
}

// patchBundles patches the first n Bundles.
func (f *fleet) patchBundles(n int, patch string) {
	f.Helper()
	f.each(n, func(i int) error {
		_, err := f.c.FleetV1alpha1().Bundles(f.ns).Patch(f.Context(), name("b", i), types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	})
}

// patchCluster patches the first Cluster, in exactly one write.
func (f *fleet) patchCluster(patch string) {
	f.Helper()
	merge(f.T, f.c.FleetV1alpha1().Clusters(f.ns), name("c", 0), patch)
}

// deployed returns the deployment IDs of all BundleDeployments.
func (f *fleet) deployed() map[string]string {
	f.Helper()
	out := map[string]string{}
	for _, bd := range listOf(f.T, f.c.FleetV1alpha1().BundleDeployments("")).Items {
		out[bd.Namespace+"/"+bd.Name] = bd.Spec.DeploymentID
	}
	return out
}

// needing returns a change that makes a template need a label of the Cluster.
func needing(label, pad string) func(int, *v1alpha1.Bundle) {
	return func(_ int, b *v1alpha1.Bundle) {
		b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"v": "${ .ClusterLabels." + label + " }", "pad": pad}}}
	}
}

func limited(_ int, b *v1alpha1.Bundle) {
	one := intstr.FromInt32(1)
	b.Spec.RolloutStrategy = &v1alpha1.RolloutStrategy{MaxUnavailable: &one}
}

// noise returns a text that compression does not shorten much.
func noise(kib int) string {
	r := rand.New(rand.NewPCG(uint64(kib), 1))
	data := make([]byte, kib*768)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return base64.StdEncoding.EncodeToString(data)
}

func TestALabelMendsAnyNumberOfBundlesAndTheClusterCanBeDeleted(t *testing.T) {
	f := newFleet(t)
	const n = 130
	f.clusters(1, "old", "1")
	f.bundles(n, needing("old", ""))
	f.patchBundles(n, `{"spec":{"helm":{"values":{"v":"${ .ClusterLabels.new }"}}}}`)
	before := f.deployed()
	require.Len(t, before, n, "the last version that worked")
	f.patchCluster(`{"metadata":{"labels":{"new":"2"}}}`)
	after := f.deployed()
	require.Len(t, after, n)
	for key, id := range after {
		require.NotEqual(t, before[key], id, key)
	}
	require.NoError(t, f.c.FleetV1alpha1().Clusters(f.ns).Delete(t.Context(), name("c", 0), metav1.DeleteOptions{}))
	require.Empty(t, f.deployed())
}

func TestAPolicyThatHeldAnyNumberOfBundlesCanBeDeleted(t *testing.T) {
	f := newFleet(t)
	const n = 130
	f.clusters(1)
	p := &v1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "p"}}
	p.RequireServiceAccount = true
	_, err := f.c.FleetV1alpha1().Policies(f.ns).Create(t.Context(), p, metav1.CreateOptions{})
	require.NoError(t, err)
	f.bundles(n, func(int, *v1alpha1.Bundle) {})
	require.Empty(t, f.deployed())
	require.NoError(t, f.c.FleetV1alpha1().Policies(f.ns).Delete(t.Context(), "p", metav1.DeleteOptions{}))
	require.Len(t, f.deployed(), n)
}

func TestAGroupEditMayBreakAnyNumberOfClusters(t *testing.T) {
	f := newFleet(t)
	const n = 100
	createGroup(t, f.c, f.ns, "all", selector())
	groups := f.c.FleetV1alpha1().ClusterGroups(f.ns)
	merge(t, groups, "all", `{"metadata":{"labels":{"templates":"no"}}}`)
	f.bundles(1, func(i int, b *v1alpha1.Bundle) {
		needing("env", "")(i, b)
		needs := b.Spec.Helm
		b.Spec.Helm = nil
		b.Spec.Targets = make([]v1alpha1.BundleTarget, 2)
		b.Spec.Targets[0].ClusterGroupSelector = selector("templates", "no")
		b.Spec.Targets[1].ClusterGroupSelector, b.Spec.Targets[1].Helm = selector("templates", "yes"), needs
	})
	f.clusters(n, "x", "y")
	before := f.deployed()
	require.Len(t, before, n)
	merge(t, groups, "all", `{"metadata":{"labels":{"templates":"yes"}}}`)
	require.Equal(t, before, f.deployed())
	require.NoError(t, groups.Delete(t.Context(), "all", metav1.DeleteOptions{}))
	require.Empty(t, f.deployed())
}

func TestALargeBundleCanBePausedAndEdited(t *testing.T) {
	f := newFleet(t)
	f.clusters(1)
	for i, pad := range []string{strings.Repeat("x", 800<<10), strings.Repeat("x", 1200<<10), noise(800)} {
		b := templated(f.ns, name("b", i), pad)
		b.Spec.Resources = nil
		createBundle(t, f.c, b)
	}
	before := f.deployed()
	require.Len(t, before, 3)
	f.patchBundles(3, `{"spec":{"paused":true}}`)
	f.patchBundles(3, `{"spec":{"defaultNamespace":"x"}}`)
	require.Equal(t, before, f.deployed())
	f.patchBundles(3, `{"spec":{"paused":false}}`)
	require.Len(t, f.deployed(), 3)
}

// TestAContentThatDoesNotFitBesideItsBundleGoesFirst: each of the two is small enough for
// one write, but not both together.
func TestAContentThatDoesNotFitBesideItsBundleGoesFirst(t *testing.T) {
	f := newFleet(t)
	f.clusters(1)
	b := templated(f.ns, name("b", 0), noise(1000))
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.txt", Content: noise(1150)}}
	require.Equal(t, b.Spec.Resources, createBundle(t, f.c, b).Spec.Resources)
	require.Len(t, f.deployed(), 1)
}

func TestALabelMayBreakManyLargeBundlesOfACluster(t *testing.T) {
	for what, c := range map[string]struct {
		n   int
		pad string
	}{
		"six of 800 KiB":            {6, strings.Repeat("p", 800<<10)},
		"eighty of 20 KiB of noise": {80, noise(20)},
	} {
		t.Run(what, func(t *testing.T) {
			f := newFleet(t)
			f.clusters(1, "v", "1", "other", "x")
			f.bundles(c.n, needing("v", c.pad))
			before := f.deployed()
			require.Len(t, before, c.n)
			f.patchCluster(`{"metadata":{"labels":{"v":null}}}`)
			require.Equal(t, before, f.deployed())
		})
	}
}

func TestABundleMayLoseAnyNumberOfNamesToAnother(t *testing.T) {
	f := newFleet(t)
	const n = 110
	f.clusters(n, "x", "y")
	createBundle(t, f.c, empty(f.ns, "mon"))
	m := &v1alpha1.BundleNamespaceMapping{ObjectMeta: metav1.ObjectMeta{Namespace: "zz", Name: "m"}}
	m.BundleSelector, m.NamespaceSelector = selector(), selector("kubernetes.io/metadata.name", f.ns)
	_, err := f.c.FleetV1alpha1().BundleNamespaceMappings("zz").Create(t.Context(), m, metav1.CreateOptions{})
	require.NoError(t, err)
	before := f.deployed()
	createBundle(t, f.c, empty("zz", "mon"))
	for _, patch := range []string{`{"spec":{"paused":true}}`, `{"spec":{"defaultNamespace":"x"}}`} {
		merge(t, f.c.FleetV1alpha1().Bundles("zz"), "mon", patch)
		require.Equal(t, before, f.deployed())
	}
}

func TestAClusterMayEnterTheGroupOfAnyNumberOfLimitedBundles(t *testing.T) {
	f := newFleet(t)
	const n = 120
	f.clusters(1, "env", "prod")
	f.bundles(n, func(i int, b *v1alpha1.Bundle) {
		limited(i, b)
		b.Spec.Targets = onGroup("g")
	})
	createGroup(t, f.c, f.ns, "g", selector("env", "none"))
	merge(t, f.c.FleetV1alpha1().ClusterGroups(f.ns), "g", `{"spec":{"selector":{"matchLabels":{"env":"prod"}}}}`)
	require.Eventually(t, func() bool { return len(f.deployed()) == n }, within, 20*time.Millisecond, "the controller lets them through")
}

func TestAClusterOfAnyNumberOfLimitedBundlesCanBeEdited(t *testing.T) {
	f := newFleet(t)
	const n = 130
	f.clusters(1, "env", "prod")
	f.bundles(n, func(i int, b *v1alpha1.Bundle) {
		limited(i, b)
		b.Spec.Targets[0].ClusterSelector = selector("env", "prod")
	})
	for _, patch := range []string{`{"metadata":{"labels":{"env":"x"}}}`, `{"metadata":{"labels":{"env":"prod"}}}`, `{"spec":{"paused":true}}`} {
		f.patchCluster(patch)
	}
	f.patchBundles(n, `{"spec":{"defaultNamespace":"y"}}`)
	for _, patch := range []string{`{"metadata":{"labels":{"z":"x"}}}`, `{"spec":{"paused":false}}`, `{"spec":{"paused":true}}`} {
		f.patchCluster(patch)
	}
	require.NoError(t, f.c.FleetV1alpha1().Clusters(f.ns).Delete(t.Context(), name("c", 0), metav1.DeleteOptions{}))
	require.Empty(t, f.deployed())
}

func TestAPausedClusterOfAnyNumberOfBundlesCanBeEdited(t *testing.T) {
	for what, c := range map[string]struct {
		n   int
		pad string
	}{
		"one hundred and thirty":        {130, ""},
		"thirty of 120 KiB, in 2 steps": {30, noise(120)},
	} {
		t.Run(what, func(t *testing.T) {
			f := newFleet(t)
			f.clusters(1, "v", "1")
			f.bundles(c.n, needing("v", c.pad))
			f.patchCluster(`{"spec":{"paused":true}}`)
			before := f.deployed()
			require.Len(t, before, c.n)
			f.patchCluster(`{"metadata":{"labels":{"v":"2"}}}`)
			require.Equal(t, before, f.deployed())
			f.patchCluster(`{"metadata":{"labels":{"v":"3"}}}`)
			require.Equal(t, before, f.deployed())
			f.patchCluster(`{"spec":{"paused":false}}`)
			for key, id := range f.deployed() {
				require.NotEqual(t, before[key], id, key)
			}
		})
	}
}

func TestARestrictionMayConcernAnyNumberOfHeldBundles(t *testing.T) {
	for what, c := range map[string]struct {
		n      int
		paused bool
	}{"paused": {130, true}, "limited": {130, false}} {
		t.Run(what, func(t *testing.T) {
			f := newFleet(t)
			f.clusters(1, "v", "1")
			if c.paused {
				f.patchCluster(`{"spec":{"paused":true}}`)
			}
			f.bundles(c.n, func(i int, b *v1alpha1.Bundle) {
				if !c.paused {
					limited(i, b)
				}
			})
			require.Eventually(t, func() bool { return len(f.deployed()) == c.n }, within, 20*time.Millisecond)
			before := f.deployed()
			r := &v1alpha1.GitRepoRestriction{ObjectMeta: metav1.ObjectMeta{Namespace: f.ns, Name: "r"}}
			r.AllowedTargetNamespaces = []string{"apps"}
			_, err := f.c.FleetV1alpha1().GitRepoRestrictions(f.ns).Create(t.Context(), r, metav1.CreateOptions{})
			require.NoError(t, err)
			require.Len(t, f.deployed(), c.n)
			if c.paused {
				require.Equal(t, before, f.deployed())
			}
		})
	}
}
