// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// sizes are the two fleets of the design: that of the original report, and one of a million
// pairs.
var sizes = []struct{ bundles, clusters int }{{3000, 3}, {100, 10_000}}

// millions are a million pairs in other shapes: many bundles on few clusters, and few on
// many.
var millions = []struct{ bundles, clusters int }{{1000, 1000}, {10, 100_000}}

func onFleets(b *testing.B, run func(b *testing.B, batch etcd.Batch), more ...struct{ bundles, clusters int }) {
	for _, size := range append(slices.Clone(sizes), more...) {
		b.Run(fmt.Sprintf("%dx%d", size.bundles+1, size.clusters), func(b *testing.B) {
			run(b, fleet(b, size.bundles, size.clusters, true))
		})
	}
}

// BenchmarkLabelEdit flips a label that one bundle selects. A tenth of all bundles is
// templated, with a label that stays.
func BenchmarkLabelEdit(b *testing.B) {
	onFleets(b, func(b *testing.B, batch etcd.Batch) {
		s, _ := loadFleet(batch)
		before, n := s.evaluated, 0
		for b.Loop() {
			labels := map[string]string{"env": "prod", "number": "1"}
			if n++; n%2 == 1 {
				labels["extra"] = "yes"
			}
			s.edit(b, clusterOf("cluster-00001", labels))
		}
		b.ReportMetric(float64(s.evaluated-before)/float64(n), "evaluated/op")
	})
}

// BenchmarkBundleEdit writes a new version of a bundle that is on all clusters.
func BenchmarkBundleEdit(b *testing.B) {
	onFleets(b, func(b *testing.B, batch etcd.Batch) {
		s, _ := loadFleet(batch)
		before, n := s.evaluated, 0
		for b.Loop() {
			n++
			o := bundleOf("bundle-00001", where("env", "prod"))
			o.Generation, o.Spec.TargetNamespace = int64(n+1), fmt.Sprint("ns-", n%2)
			s.edit(b, o)
		}
		evaluated := float64(s.evaluated-before) / float64(n)
		b.ReportMetric(evaluated, "evaluated/op")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n)/evaluated, "ns/pair")
	})
}

// BenchmarkReport applies the report of one agent on one BundleDeployment. It is ready and
// not ready in turn, so everything that counts it changes too.
func BenchmarkReport(b *testing.B) {
	onFleets(b, func(b *testing.B, batch etcd.Batch) {
		s, _ := loadFleet(batch)
		bd := s.builder.Get(record.BundleDeployments, s.clusters[record.Name{Namespace: "fleet", Name: "cluster-00001"}].deploymentOf("bundle-00001")).Render().(*v1alpha1.BundleDeployment)
		var records [2]etcd.Record
		for i := range records {
			bd.Status = v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: bd.Spec.DeploymentID, Ready: i == 0, NonModified: true}
			records[i] = onReport(b, bd, 0)
		}
		n := 0
		for b.Loop() {
			n++
			r := records[n%2]
			r.Revision = s.revision + 1
			s.apply(etcd.Batch{Revision: r.Revision, Records: []etcd.Record{r}})
			s.builder.Next(r.Revision)
		}
	})
}

// deploymentOf returns the name of a Bundle's BundleDeployment.
func (c *cluster) deploymentOf(bundle string) record.Name {
	return record.Name{Namespace: c.face.Namespace, Name: bundle}
}

// BenchmarkPlan plans the writes of the two benchmarks above.
func BenchmarkPlan(b *testing.B) {
	onFleets(b, func(b *testing.B, batch etcd.Batch) {
		s, _ := loadFleet(batch)
		p := NewPlanner(func(read func(*State)) error {
			read(s)
			return nil
		})
		templated := bundleOf("bundle-00000", where("env", "prod"))
		templated.Generation = 2
		templated.Spec.Helm = &v1alpha1.HelmOptions{TemplateValues: map[string]string{"v": "${ .ClusterName }"}}
		for name, object := range map[string]record.APIObject{
			"label":  clusterOf("cluster-00001", map[string]string{"env": "prod", "extra": "yes"}),
			"bundle": templated,
		} {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					_, err := p.Plan(context.Background(), Proposal{Resource: resourceOf(object), Name: nameOf(object), Object: recordOf(object)})
					require.NoError(b, err)
				}
			})
		}
	})
}

// BenchmarkLoad applies a whole log at once, as a start does, and measures the memory of the
// result.
func BenchmarkLoad(b *testing.B) {
	onFleets(b, func(b *testing.B, batch etcd.Batch) {
		var perPair float64
		for b.Loop() {
			perPair = weigh(batch)
		}
		b.ReportMetric(perPair, "B/pair")
	}, millions...)
}

// weigh loads a log and returns the bytes per pair. What it loaded is garbage afterwards, and
// does not count in the next measurement.
func weigh(batch etcd.Batch) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, _ := loadFleet(batch)
	runtime.GC()
	runtime.ReadMemStats(&after)
	pairs := 0
	for _, bundle := range s.bundles {
		pairs += len(bundle.newest.pairs)
	}
	return float64(after.HeapAlloc-before.HeapAlloc) / float64(pairs)
}
