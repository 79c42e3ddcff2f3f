// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"runtime"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// regime is one of the worst cases: a fleet, and the edits that alternate on it.
type regime struct {
	name              string
	clusters, bundles int
	bundle            func(i int) *v1alpha1.Bundle
	more              []record.APIObject
	edit              func(turn int) record.APIObject
}

func named(i int, targets ...v1alpha1.BundleTarget) *v1alpha1.Bundle {
	return bundleOf(fmt.Sprintf("bundle-%05d", i), targets...)
}

// templatedBy gives a Bundle a value with a template.
func templatedBy(b *v1alpha1.Bundle, text string) *v1alpha1.Bundle {
	b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"v": text}}}
	return b
}

// extraByTurns labels one Cluster, and removes the label in the next turn.
func extraByTurns(turn int) record.APIObject {
	labels := map[string]string{"env": "prod", "number": "1"}
	if turn%2 == 1 {
		labels["extra"] = "yes"
	}
	return clusterOf("cluster-00001", labels)
}

// nextVersion returns another version of a Bundle.
func nextVersion(b *v1alpha1.Bundle, turn int) record.APIObject {
	b.Generation, b.Spec.TargetNamespace = int64(turn+1), fmt.Sprint("ns-", turn%2)
	return b
}

func notIn(i int) v1alpha1.BundleTarget {
	return selectedBy(selecting(metav1.LabelSelectorOpNotIn, "env", fmt.Sprint("other-", i)))
}

// reading returns a function that makes one of many Bundles with a template for all Clusters.
func reading(text string) func(i int) *v1alpha1.Bundle {
	return func(i int) *v1alpha1.Bundle { return templatedBy(named(i, where("env", "prod")), text) }
}

var readingAlike, readingOwn = reading("${ .ClusterLabels.env }"), reading("${ .ClusterName }")

var regimes = []regime{
	{
		name: "label-moves-3000", clusters: 3, bundles: 3000,
		bundle: func(i int) *v1alpha1.Bundle { return named(i, where("extra", "yes")) },
		edit:   extraByTurns,
	},
	{
		name: "group-moves-100000", clusters: 10_000, bundles: 10,
		bundle: func(i int) *v1alpha1.Bundle { return named(i, ofGroup("group")) },
		more:   []record.APIObject{groupOf("group", "env", "prod")},
		edit:   func(turn int) record.APIObject { return groupOf("group", "env", []string{"prod", "none"}[turn%2]) },
	},
	{
		name: "not-in-only-label", clusters: 100, bundles: 1000,
		bundle: func(i int) *v1alpha1.Bundle { return named(i, notIn(i)) },
		edit:   extraByTurns,
	},
	{
		name: "template-alike-bundle", clusters: 10_000, bundles: 10,
		bundle: readingAlike,
		edit:   func(turn int) record.APIObject { return nextVersion(readingAlike(1), turn) },
	},
	{
		name: "template-own-bundle", clusters: 10_000, bundles: 10,
		bundle: readingOwn,
		edit:   func(turn int) record.APIObject { return nextVersion(readingOwn(1), turn) },
	},
	{
		name: "template-unread-label", clusters: 3, bundles: 3000,
		bundle: reading("${ .ClusterLabels.number }"),
		edit:   relabel,
	},
	{
		name: "template-read-label", clusters: 3, bundles: 3000,
		bundle: reading("${ .ClusterLabels.other }"),
		edit:   relabel,
	},
	{
		name: "template-one-reads-label", clusters: 3, bundles: 3000,
		bundle: func(i int) *v1alpha1.Bundle {
			if i == 7 {
				return reading("${ .ClusterLabels.other }")(i)
			}
			return reading("${ .ClusterLabels.number }")(i)
		},
		edit: relabel,
	},
}

// relabel gives one Cluster another value of the label "other".
func relabel(turn int) record.APIObject {
	return clusterOf("cluster-00001", map[string]string{"env": "prod", "number": "1", "other": fmt.Sprint(turn)})
}

func (r *regime) batch(b *testing.B) etcd.Batch {
	batch := fleet(b, 0, r.clusters, false)
	for i := range r.bundles {
		batch.Records = append(batch.Records, encoded(b, r.bundle(i), 1))
	}
	for _, object := range r.more {
		batch.Records = append(batch.Records, encoded(b, object, 1))
	}
	return batch
}

// BenchmarkWorst makes the edits that change most, or for which the index helps least.
func BenchmarkWorst(b *testing.B) {
	for _, r := range regimes {
		b.Run(r.name, func(b *testing.B) {
			s, _ := loadFleet(r.batch(b))
			var before, after runtime.MemStats
			affected, n, evaluated := 0, 0, s.evaluated
			runtime.ReadMemStats(&before)
			for b.Loop() {
				n++
				v := s.edit(b, r.edit(n))
				if changed := v.Exactly(v.Revision); changed != nil {
					affected += len(changed.Changes(record.BundleDeployments, "", ""))
				}
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(affected)/float64(n), "affected/op")
			b.ReportMetric(float64(s.evaluated-evaluated)/float64(n), "evaluated/op")
			if affected > 0 {
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(affected), "ns/affected")
				b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(affected), "B/affected")
				b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(affected), "allocs/affected")
			}
		})
	}
}
