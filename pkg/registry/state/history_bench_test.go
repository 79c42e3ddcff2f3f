// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// BenchmarkHistory measures how much memory an edit keeps for as long as history holds it,
// and compares that with the estimate of history itself (view.History).
func BenchmarkHistory(b *testing.B) {
	const bundles, clusters = 100, 10_000
	batch := fleet(b, bundles, clusters, true)
	for name, edit := range map[string]func(b *testing.B, s *State, n int) *view.View{
		"label": func(b *testing.B, s *State, n int) *view.View {
			labels := map[string]string{"env": "prod", "number": fmt.Sprint(n % clusters)}
			if n/clusters%2 == 0 {
				labels["extra"] = "yes"
			}
			return s.edit(b, clusterOf(fmt.Sprintf("cluster-%05d", n%clusters), labels))
		},
		"bundle": func(b *testing.B, s *State, n int) *view.View {
			o := bundleOf(fmt.Sprintf("bundle-%05d", n%bundles), where("env", "prod"))
			o.Generation, o.Spec.TargetNamespace = int64(n/bundles+2), fmt.Sprint("ns-", n)
			return s.edit(b, o)
		},
		"report": func(b *testing.B, s *State, n int) *view.View {
			c := s.clusters[record.Name{Namespace: "fleet", Name: fmt.Sprintf("cluster-%05d", n%clusters)}]
			bd := s.deployment(c.deploymentOf("bundle-00001"))
			status := &v1alpha1.BundleDeployment{}
			status.Status.AppliedDeploymentID, status.Status.Ready = bd.Content.DeploymentID, n/clusters%2 == 0
			status.Status.NonModified = true
			uid := claim{s.bundles[record.Name{Namespace: "fleet", Name: "bundle-00001"}], c}.uid()
			data, err := (&record.Report{Status: status, UID: uid}).Encode()
			require.NoError(b, err)
			revision := s.revision + 1
			s.apply(etcd.Batch{Revision: revision, Records: []etcd.Record{{Key: record.ReportKey(record.BundleDeployments, bd.Name()), Value: data, Revision: revision}}})
			return s.builder.Next(revision)
		},
	} {
		b.Run(name, func(b *testing.B) {
			s := New(view.Limits{Revisions: 1 << 30, Changes: 1 << 30}, nil, nil)
			s.apply(batch)
			s.builder.Load(batch.Revision)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			n := 0
			var v *view.View
			for b.Loop() {
				v = edit(b, s, n)
				n++
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(v.History().Bytes)/float64(n), "estimated-B/edit")
			b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(n), "held-B/edit")
			runtime.KeepAlive(s)
		})
	}
}
