// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sizing

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

const (
	namespace = "fleet-default"
	// writers is how many requests are under way at once.
	writers = 16
)

// fleet has a number of Bundles, each on all of its Clusters. Each has two manifests
// and ten Helm values; a tenth of them has a template among the values.
type fleet struct{ bundles, clusters int }

func bundleName(i int) string  { return fmt.Sprintf("bundle-%05d", i) }
func clusterName(i int) string { return fmt.Sprintf("cluster-%05d", i) }

func newBundle(i int) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: bundleName(i), Labels: map[string]string{
		"fleet.cattle.io/repo-name": fmt.Sprintf("repo-%d", i/10), "fleet.cattle.io/commit": fmt.Sprintf("%x", sha256.Sum256([]byte("commit")))[:40],
	}}}
	values := map[string]any{}
	for n := range 10 {
		values[fmt.Sprintf("value%d", n)] = fmt.Sprintf("%s-%d", b.Name, n)
	}
	if i%10 == 0 {
		values["region"] = "${ .ClusterLabels.region }"
	}
	b.Spec.Helm = &v1alpha1.HelmOptions{ReleaseName: b.Name, Values: &v1alpha1.GenericMap{Data: values}}
	b.Spec.Resources = []v1alpha1.BundleResource{
		{Name: "configmap.yaml", Content: manifest("ConfigMap", b.Name)},
		{Name: "deployment.yaml", Content: manifest("Deployment", b.Name)},
	}
	target := v1alpha1.BundleTarget{Name: "all", ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}}
	b.Spec.Targets = []v1alpha1.BundleTarget{target}
	return b
}

// manifest is 2 KB of which half does not compress.
func manifest(kind, name string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "kind: %s\nmetadata:\n  name: %s\ndata:\n", kind, name)
	for line := 0; text.Len() < 2048; line++ {
		fmt.Fprintf(&text, "  entry-%d: %x\n", line, sha256.Sum256(fmt.Append(nil, kind, name, line)))
	}
	return text.String()
}

func newCluster(i int) *v1alpha1.Cluster {
	return &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: clusterName(i), Labels: map[string]string{
		"env": "prod", "region": fmt.Sprintf("region-%d", i%7), "name": clusterName(i), "tier": fmt.Sprint(i % 3), "provider": "k3s",
	}}}
}

// connect returns a client with a connection of its own.
func connect(b *testing.B, config *rest.Config) versioned.Interface {
	b.Helper()
	own := rest.CopyConfig(config)
	own.QPS, own.Dial = -1, (&net.Dialer{}).DialContext
	c, err := versioned.NewForConfig(own)
	require.NoError(b, err)
	return c
}

// each does something many times, some of them at once.
func each(b *testing.B, times int, do func(ctx context.Context, i int) error) {
	b.Helper()
	ctx, cancel := context.WithCancelCause(b.Context())
	defer cancel(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < times && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	group.Wait()
	require.NoError(b, context.Cause(ctx))
}

func (f fleet) load(b *testing.B, c versioned.Interface) {
	b.Helper()
	each(b, f.clusters, func(ctx context.Context, i int) error {
		_, err := c.FleetV1alpha1().Clusters(namespace).Create(ctx, newCluster(i), metav1.CreateOptions{})
		return err
	})
	each(b, f.bundles, func(ctx context.Context, i int) error {
		_, err := c.FleetV1alpha1().Bundles(namespace).Create(ctx, newBundle(i), metav1.CreateOptions{})
		return err
	})
}

// homes are the namespaces of the Clusters' BundleDeployments.
func homes(b *testing.B, c versioned.Interface) []string {
	b.Helper()
	list, err := c.FleetV1alpha1().Clusters(namespace).List(b.Context(), metav1.ListOptions{})
	require.NoError(b, err)
	out := make([]string, len(list.Items))
	for i := range list.Items {
		out[i] = list.Items[i].Status.Namespace
	}
	return out
}

// report is what an agent says of a BundleDeployment that is well.
func report(ctx context.Context, c versioned.Interface, home string, bundle int) error {
	const now = "2026-01-01T00:00:00Z"
	name := bundleName(bundle)
	var conditions []string
	for _, kind := range []string{"Installed", "Deployed", "Monitored", "Ready"} {
		conditions = append(conditions, fmt.Sprintf(`{"type":%q,"status":"True","lastUpdateTime":%q}`, kind, now))
	}
	patch := fmt.Sprintf(`{"status":{"ready":true,"nonModified":true,"release":"default/%s:1","appliedDeploymentID":"s-%x:%x","conditions":[%s]}}`,
		name, sha256.Sum256([]byte(name)), sha256.Sum256([]byte(home)), strings.Join(conditions, ","))
	_, err := c.FleetV1alpha1().BundleDeployments(home).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
	return err
}
