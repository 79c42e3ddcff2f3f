// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	allinone "github.com/musterfleet/muster/cmd/muster/app"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/test/replay"
)

// replica starts another server on the same etcd.
func (s *server) replica(t *testing.T) *server {
	t.Helper()
	return s.replicaOn(t, t.TempDir(), 0)
}

// replicaOn is replica with a directory and a port, so that it can be restarted.
func (s *server) replicaOn(t *testing.T, dataDir string, port int) *server {
	t.Helper()
	return startWith(t, &allinone.Options{DataDir: dataDir, SecurePort: port, AdjustRegistry: func(c *registry.Config) { c.Client = s.etcd }})
}

func TestEveryReplicaKnowsWritesThatAnotherAcknowledged(t *testing.T) {
	t.Parallel()
	a := own(t)
	b := a.replica(t)
	writer, reader := a.clientset(t), b.clientset(t)
	createBundle(t, writer, bundle("ns", "app", "env", "prod"))
	createCluster(t, writer, cluster("ns", "c1"))
	deployments := reader.FleetV1alpha1().BundleDeployments(home("ns", "c1"))
	for range 100 {
		want := label(t, writer, "ns", "c1", "env", "prod").ResourceVersion
		got := fetch(t, deployments, "app")
		require.Equal(t, want, got.ResourceVersion)
		label(t, writer, "ns", "c1", "env", "null")
		_, err := deployments.Get(t.Context(), "app", metav1.GetOptions{})
		require.True(t, apierrors.IsNotFound(err), "%v", err)
	}
}

func TestReplicasShowTheSame(t *testing.T) {
	t.Parallel()
	a, r := own(t), replay.Rand(t)
	b := a.replica(t)
	c := a.clientset(t)
	for i := range 6 {
		createBundle(t, c, templated("ns", name("app", i), "${ .ClusterLabels.env } ${ randAlphaNum 8 }", "env", []string{"prod", "test"}[i%2]))
	}
	for i := range 5 {
		createCluster(t, c, cluster("ns", name("c", i), "env", "prod"))
	}
	editors := []*editor{{r: r, c: c, ns: "ns"}, {r: r, c: b.clientset(t), ns: "ns"}}
	var from string
	for i := range 200 {
		editors[r.IntN(2)].edit(t, i)
		if i == 100 {
			from = listOf(t, a.resource(t, "bundledeployments", "")).GetResourceVersion()
		}
	}
	for _, plural := range []string{"bundledeployments", "clusters", "bundles"} {
		one := listOf(t, a.resource(t, plural, ""))
		require.Equal(t, one, listOf(t, b.resource(t, plural, "")), "both saw every revision, so they agree on everything")

		// A third replica that starts now may show other resource versions, but never the
		// same one for another content.
		three := listOf(t, a.replica(t).resource(t, plural, ""))
		require.Equal(t, keys(one.Items), keys(three.Items))
		require.GreaterOrEqual(t, number(t, three.GetResourceVersion()), number(t, one.GetResourceVersion()))
		for i := range one.Items {
			item, other := one.Items[i].DeepCopy(), three.Items[i].DeepCopy()
			if item.GetResourceVersion() != other.GetResourceVersion() {
				item.SetResourceVersion("")
				other.SetResourceVersion("")
			}
			require.Equal(t, item, other)
		}

		// Tokens and watches continue on another replica.
		if len(one.Items) > 1 {
			page := listOf(t, a.resource(t, plural, ""), metav1.ListOptions{Limit: 1})
			rest := listOf(t, b.resource(t, plural, ""), metav1.ListOptions{Limit: 1000, Continue: page.GetContinue()})
			require.Equal(t, one.Items, append(page.Items, rest.Items...))
		}
	}
	// Both deliver the same events, up to a mark.
	since := metav1.ListOptions{ResourceVersion: from}
	watchA, watchB := watching(t, a.resource(t, "bundledeployments", ""), since), watching(t, b.resource(t, "bundledeployments", ""), since)
	createBundle(t, c, bundle("other", "zz-mark"))
	createCluster(t, c, cluster("other", "zz-mark"))
	for {
		e, one := watchA.next()
		f, two := watchB.next()
		require.Equal(t, e, f)
		require.Equal(t, one, two)
		if e.Name == "zz-mark" {
			return
		}
	}
}

func TestAServerThatCannotKnowNeverAnswersNotFound(t *testing.T) {
	t.Parallel()
	a := own(t)
	b := a.replica(t)
	createBundle(t, a.clientset(t), bundle("ns", "app", "env", "prod"))
	createCluster(t, a.clientset(t), cluster("ns", "c1", "env", "prod"))
	label(t, b.clientset(t), "ns", "c1", "colour", "red")
	a.stop(t) // and its etcd with it
	const root = apiRoot + "/"
	for _, path := range []string{
		root + "bundledeployments", root + "clusters", root + "contents", root + "contents/s-absent",
		root + "namespaces/" + home("ns", "c1") + "/bundledeployments/app",
		root + "namespaces/" + home("ns", "c1") + "/bundledeployments/absent",
		root + "namespaces/ns/clusters/absent",
	} {
		err := b.once(t, path, nil)
		status, ok := err.(apierrors.APIStatus)
		require.True(t, ok, "%s: %v", path, err)
		require.Contains(t, []int32{429, 503, 504}, status.Status().Code, "%s: %v", path, err)
	}
	// A read that accepts any state gets the last one known.
	require.NoError(t, b.once(t, root+"namespaces/"+home("ns", "c1")+"/bundledeployments/app", url.Values{"resourceVersion": {"0"}}))
}
