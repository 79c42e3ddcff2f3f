// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// BenchmarkRenderObject renders a Cluster with a report and nothing derived: it measures the
// join alone.
func BenchmarkRenderObject(b *testing.B) {
	meta := metav1.ObjectMeta{Namespace: "fleet", Name: "c", Labels: map[string]string{"env": "prod"}}
	o := &Object{
		ID: record.Name{Namespace: "fleet", Name: "c"}, At: 1 << 40,
		Record: &record.Object{Object: &v1alpha1.Cluster{ObjectMeta: meta}},
		Report: &record.Report{Status: &v1alpha1.Cluster{Status: v1alpha1.ClusterStatus{Namespace: "ns"}}},
	}
	b.ReportAllocs()
	for b.Loop() {
		o.Render()
	}
}

// BenchmarkCopy copies the first level of a BundleDeployment, as for each event.
func BenchmarkCopy(b *testing.B) {
	o := &v1alpha1.BundleDeployment{}
	b.ReportAllocs()
	for b.Loop() {
		record.Copy(o)
	}
}
