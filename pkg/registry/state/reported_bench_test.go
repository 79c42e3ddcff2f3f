// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// reportedFleet returns a fleet with one GitRepo for every ten bundles, and with a report on
// every BundleDeployment. wrong of each hundred report that something is wrong.
func reportedFleet(b testing.TB, bundles, clusters, wrong int) etcd.Batch {
	batch := fleet(b, bundles, clusters, true)
	for i := range batch.Records {
		r := &batch.Records[i]
		if r.Key.Resource != record.Bundles {
			continue
		}
		o, err := record.DecodeObject(record.Bundles, r.Value)
		require.NoError(b, err)
		var n int
		if _, err := fmt.Sscanf(r.Key.Name.Name, "bundle-%d", &n); err == nil {
			o.Object.SetLabels(map[string]string{v1alpha1.LabelRepoName: fmt.Sprint("repo-", n/10)})
		}
		r.Value, err = o.Encode()
		require.NoError(b, err)
	}
	for n := range (bundles + 9) / 10 {
		batch.Records = append(batch.Records, encoded(b, &v1alpha1.GitRepo{ObjectMeta: metaOf("fleet", fmt.Sprint("repo-", n)), Spec: v1alpha1.GitRepoSpec{Repo: "https://git.example"}}, 1))
	}
	_, v := loadFleet(batch)
	n := 0
	for item := range v.All(record.BundleDeployments, record.Name{}) {
		n++
		batch.Records = append(batch.Records, reportRecord(b, item.Render().(*v1alpha1.BundleDeployment), n, n*7919%100 >= wrong, 1))
	}
	return batch
}

// reportRecord returns what an agent reports on a BundleDeployment of five objects.
func reportRecord(b testing.TB, bd *v1alpha1.BundleDeployment, n int, healthy bool, revision int64) etcd.Record {
	out := &v1alpha1.BundleDeployment{}
	status := &out.Status
	begun := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n*7919%10_000_000) * time.Second)
	at := func(after int) string { return begun.Add(time.Duration(after) * time.Second).Format(time.RFC3339) }
	status.AppliedDeploymentID, status.Release = bd.Spec.DeploymentID, "apps/"+bd.Name+":1"
	status.Ready, status.NonModified, status.SyncGeneration = true, true, ptr.To[int64](0)
	status.Conditions = []v1alpha1.GenericCondition{
		{Type: "Installed", Status: "True", LastUpdateTime: at(0)},
		{Type: "Deployed", Status: "True", LastUpdateTime: at(0)},
		{Type: "Monitored", Status: "True", LastUpdateTime: at(1)},
		{Type: "Ready", Status: "True", LastUpdateTime: at(n % 300)},
	}
	for i, kind := range []string{"Deployment", "ConfigMap", "Service", "ServiceAccount", "Secret"} {
		version := "v1"
		if i == 0 {
			version = "apps/v1"
		}
		status.Resources = append(status.Resources, v1alpha1.BundleDeploymentResource{Kind: kind, APIVersion: version, Namespace: "apps", Name: bd.Name, CreatedAt: metav1.NewTime(begun)})
	}
	status.ResourceCounts = v1alpha1.ResourceCounts{Ready: 5, DesiredReady: 5}
	if !healthy {
		status.Ready, status.ResourceCounts.Ready, status.ResourceCounts.NotReady = false, 4, 1
		status.NonReadyStatus = []v1alpha1.NonReadyStatus{{Kind: "Deployment", APIVersion: "apps/v1", Namespace: "apps", Name: bd.Name, Summary: v1alpha1.ObjectSummary{
			State: "in-progress", Transitioning: true, Message: []string{"Deployment does not have minimum availability.", fmt.Sprintf("Available: 0/%d", 1+n%4)},
		}}}
		status.Conditions[3].Status, status.Conditions[3].Reason = "False", "Error"
		status.Conditions[3].Message = "deployment.apps apps/" + bd.Name + " [progressing] Deployment does not have minimum availability."
	}
	report := &record.Report{Status: out, UID: bd.UID, ManagedFields: []metav1.ManagedFieldsEntry{{
		Manager: "fleetagent", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "fleet.cattle.io/v1alpha1",
		Time: ptr.To(metav1.NewTime(begun)), FieldsType: "FieldsV1", Subresource: "status",
		FieldsV1: metav1.NewFieldsV1(`{"f:status":{"f:appliedDeploymentID":{},"f:conditions":{},"f:nonModified":{},"f:ready":{},"f:release":{},"f:resourceCounts":{"f:desiredReady":{},"f:ready":{}},"f:resources":{},"f:syncGeneration":{}}}`),
	}}}
	data, err := report.Encode()
	require.NoError(b, err)
	return etcd.Record{Key: record.ReportKey(record.BundleDeployments, record.Name{Namespace: bd.Namespace, Name: bd.Name}), Value: data, Revision: revision}
}

// onReported runs with all well but a few, and with nothing well.
func onReported(b *testing.B, bundles, clusters int, run func(b *testing.B, batch etcd.Batch)) {
	for title, wrong := range map[string]int{"3-percent-wrong": 3, "all-wrong": 100} {
		b.Run(title, func(b *testing.B) { run(b, reportedFleet(b, bundles, clusters, wrong)) })
	}
}

// BenchmarkLoadReported is BenchmarkLoad with a report on every BundleDeployment.
func BenchmarkLoadReported(b *testing.B) {
	onReported(b, 100, 1000, func(b *testing.B, batch etcd.Batch) {
		var perPair float64
		for b.Loop() {
			perPair = weigh(batch)
		}
		b.ReportMetric(perPair, "B/pair")
		bytes, reports := 0, 0
		for i := range batch.Records {
			if r := &batch.Records[i]; r.Key.Resource == record.BundleDeployments {
				bytes, reports = bytes+len(r.Value), reports+1
			}
		}
		b.ReportMetric(float64(bytes)/float64(reports), "record-B")
	})
}

// BenchmarkRenderReported renders BundleDeployments with their reports, as a list does.
func BenchmarkRenderReported(b *testing.B) {
	onReported(b, 20, 100, func(b *testing.B, batch etcd.Batch) {
		s, v := loadFleet(batch)
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			n = 0
			for item := range v.All(record.BundleDeployments, record.Name{}) {
				runtime.KeepAlive(item.Render())
				n++
			}
		}
		runtime.KeepAlive(s)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/BundleDeployment")
	})
}

// BenchmarkReadRepo renders a GitRepo with all its deployed objects.
func BenchmarkReadRepo(b *testing.B) {
	onReported(b, 20, 100, func(b *testing.B, batch etcd.Batch) {
		s, _ := loadFleet(batch)
		for b.Loop() {
			s.object(record.GitRepos, record.Name{Namespace: "fleet", Name: "repo-0"}).Render()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/BundleDeployment")
	})
}

// BenchmarkReportOfMany applies reports as agents send them. Each turns one BundleDeployment
// from wrong to well or back, one after the other.
func BenchmarkReportOfMany(b *testing.B) {
	onReported(b, 100, 100, func(b *testing.B, batch etcd.Batch) {
		s, v := loadFleet(batch)
		var records [2][]etcd.Record
		for item := range v.All(record.BundleDeployments, record.Name{}) {
			bd := item.Render().(*v1alpha1.BundleDeployment)
			for i := range records {
				n := len(records[i])
				records[i] = append(records[i], reportRecord(b, bd, n+1, bd.Status.Ready == (i == 1), 0))
			}
		}
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			all := records[n/len(records[0])%2]
			r := all[n*7919%len(all)]
			n++
			r.Revision = s.revision + 1
			s.apply(etcd.Batch{Revision: r.Revision, Records: []etcd.Record{r}})
			s.builder.Next(r.Revision)
		}
	})
}
