// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// BenchmarkReport measures what one agent's report on one BundleDeployment costs the
// history: time, garbage, and the memory that the revision holds while it is in the log.
func BenchmarkReport(b *testing.B) {
	for _, pairs := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("of-%d", pairs), func(b *testing.B) {
			const bundles = 100
			faces := make([]*BundleFace, bundles)
			for i := range faces {
				faces[i] = &BundleFace{Bundle: &v1alpha1.Bundle{}}
				faces[i].Bundle.Namespace, faces[i].Bundle.Name = "fleet", fmt.Sprintf("bundle-%d", i)
			}
			builder := NewBuilder(Limits{Revisions: 1 << 30, Changes: 1 << 30})
			items := make([]*BundleDeployment, 0, pairs)
			for i := range pairs {
				cluster := &ClusterFace{Cluster: &v1alpha1.Cluster{}, Namespace: fmt.Sprintf("cluster-%d", i/bundles)}
				item := &BundleDeployment{At: 1, Bundle: faces[i%bundles], Cluster: cluster}
				items = append(items, item)
				builder.Put(record.BundleDeployments, item)
			}
			builder.Load(1)
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			revision := int64(1)
			var last *View
			for b.Loop() {
				revision++
				next := *items[int(revision*7919)%pairs]
				next.At = VersionAt(revision)
				builder.Put(record.BundleDeployments, &next)
				last = builder.Next(revision)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(last.History().Bytes)/float64(revision-1), "estimated-B/revision")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(revision-1), "held-B/revision")
			runtime.KeepAlive(last)
		})
	}
}
