// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/reports"
	"github.com/musterfleet/muster/pkg/registry/state/statetest"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// flooded returns a GitRepo with a number of BundleDeployments, each of which lists a number
// of objects. All are ready unless say changes their reports.
func flooded(t testing.TB, deployments, objects int, say func(*v1alpha1.BundleDeploymentStatus)) (etcd.Batch, []*v1alpha1.BundleDeployment) {
	t.Helper()
	batch := etcd.Batch{Revision: 1}
	for _, object := range statetest.Flood(deployments) {
		batch.Records = append(batch.Records, encoded(t, object, 1))
	}
	_, v := loadFleet(batch)
	all := statetest.Flooded(v, objects)
	for _, bd := range all {
		say(&bd.Status)
		batch.Records = append(batch.Records, onReport(t, bd, 1))
	}
	return batch, all
}

// arrive applies a revision as the engine does, and returns its view.
func (s *State) arrive(records ...etcd.Record) *view.View {
	s.Apply(etcd.Batch{Revision: s.revision + 1, Records: records}, Decode(records))
	return s.Next()
}

func repoOf(s *State) *v1alpha1.GitRepo {
	return s.object(record.GitRepos, record.Name{Namespace: "fleet", Name: "r1"}).Render().(*v1alpha1.GitRepo)
}

// TestTheCostOfAReportDependsOnlyOnItsChanges checks that a change of a few bytes in a report
// is applied without a look at the objects that it and its neighbours list.
func TestTheCostOfAReportDependsOnlyOnItsChanges(t *testing.T) {
	t.Parallel()
	batch, all := flooded(t, 3, statetest.FloodObjects, func(*v1alpha1.BundleDeploymentStatus) {})
	s, _ := loadFleet(batch)
	for _, step := range []struct {
		name    string
		say     func(*v1alpha1.BundleDeploymentStatus)
		changes map[string]int
	}{
		{"an object more", func(s *v1alpha1.BundleDeploymentStatus) {
			s.Resources = append(s.Resources, v1alpha1.BundleDeploymentResource{Kind: "ConfigMap", Name: "last"})
		}, map[string]int{record.BundleDeployments: 1, record.GitRepos: 1}},
		{"another name for an object that is beyond those that are listed", func(s *v1alpha1.BundleDeploymentStatus) {
			s.Resources[reports.MostObjects].Name = "other"
		}, map[string]int{record.BundleDeployments: 1}},
		{"another name for an object that is listed", func(s *v1alpha1.BundleDeploymentStatus) {
			s.Resources[reports.MostObjects-1].Name = "other"
		}, map[string]int{record.BundleDeployments: 1, record.GitRepos: 1}},
		{"counts", func(s *v1alpha1.BundleDeploymentStatus) { s.ResourceCounts.Ready++ }, map[string]int{record.BundleDeployments: 1, record.GitRepos: 1, record.Clusters: 1}},
		{"a release that shows only there", func(s *v1alpha1.BundleDeploymentStatus) { s.Release = "x" }, map[string]int{record.BundleDeployments: 1}},
		{"that it is not ready", func(s *v1alpha1.BundleDeploymentStatus) { s.Ready = false }, map[string]int{
			record.BundleDeployments: 1, record.GitRepos: 1, record.Clusters: 1, record.Bundles: 1,
		}},
		{"nothing", func(*v1alpha1.BundleDeploymentStatus) {}, map[string]int{record.BundleDeployments: 1}},
	} {
		looked := s.ledger.Listings()
		step.say(&all[0].Status)
		v := s.arrive(onReport(t, all[0], s.revision+1))
		require.Zero(t, s.ledger.Listings()-looked, "%s: no list of objects is made", step.name)
		if step.name != "nothing" {
			require.Equal(t, step.changes, changed(v), step.name)
		}
	}
	_ = repoOf(s)
	require.Positive(t, s.ledger.Listings(), "a reader makes the list")
}

// TestAReportWithoutEndIsBoundedInEveryRollUp checks that no report of an agent makes the
// status of anything above it larger than etcd would take, and that the status says what is
// left out.
func TestAReportWithoutEndIsBoundedInEveryRollUp(t *testing.T) {
	t.Parallel()
	long := make([]byte, 700<<10)
	for i := range long {
		long[i] = "\"\x01<a"[i%4]
	}
	batch, _ := flooded(t, 30, 0, func(s *v1alpha1.BundleDeploymentStatus) {
		s.Ready, s.NonModified = false, false
		s.Conditions = []v1alpha1.GenericCondition{{Type: "Deployed", Status: "False", Message: string(long[:100<<10])}, {Type: "Monitored", Message: string(long[:100<<10])}}
		for i := range 3000 {
			s.Resources = append(s.Resources, v1alpha1.BundleDeploymentResource{Kind: "Secret", APIVersion: "v1", Name: fmt.Sprint("n", i)})
		}
		for i := range 20 {
			s.ModifiedStatus = append(s.ModifiedStatus, v1alpha1.ModifiedStatus{Kind: "ConfigMap", Name: fmt.Sprint("m", i), Patch: string(long[:20<<10])})
			s.NonReadyStatus = append(s.NonReadyStatus, v1alpha1.NonReadyStatus{Kind: "Pod", Name: fmt.Sprint("p", i), Summary: v1alpha1.ObjectSummary{State: "x", Message: []string{string(long[:2<<10]), "y"}}})
		}
	})
	batch.Records = append(batch.Records, encoded(t, groupOf("g1", "env", "prod"), 1))
	_, v := loadFleet(batch)
	for _, resource := range []string{record.Bundles, record.Clusters, record.ClusterGroups, record.GitRepos} {
		for item := range v.All(resource, record.Name{}) {
			object := item.Render()
			text, err := json.Marshal(object)
			require.NoError(t, err)
			require.Less(t, len(text), summary.StatusBytes, "%s %s", resource, item.Name())
			require.Contains(t, string(text), "more bytes)", "%s %s says that texts were cut", resource, item.Name())
			require.Contains(t, string(text), "more objects are not listed here", "%s %s says that entries were left out", resource, item.Name())
			if repo, ok := object.(*v1alpha1.GitRepo); ok {
				require.NotEmpty(t, repo.Status.Resources)
				require.True(t, repo.Status.Resources[0].IncompleteState)
				require.Contains(t, string(text), `"type":"Truncated","status":"True"`)
				require.Contains(t, string(text), "that BundleDeployments list")
			}
		}
	}
}

// BenchmarkReportFlood applies reports of a few bytes on one of ten BundleDeployments that
// list as many objects as fit.
func BenchmarkReportFlood(b *testing.B) {
	batch, all := flooded(b, 10, statetest.FloodObjects, func(*v1alpha1.BundleDeploymentStatus) {})
	var records [2]etcd.Record
	for i := range records {
		all[0].Status.Resources[0].Name = fmt.Sprint("renamed-", i)
		records[i] = onReport(b, all[0], 0)
	}
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			_, err := view.NewReport(records[0].Value, 1)
			require.NoError(b, err)
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			loadFleet(batch)
		}
	})
	s, _ := loadFleet(batch)
	b.Run("apply", func(b *testing.B) {
		var decoded [2]Decoded
		for i := range decoded {
			decoded[i] = Decode(records[i : i+1])
		}
		n := 0
		b.ReportAllocs()
		for b.Loop() {
			n++
			s.Apply(etcd.Batch{Revision: s.revision + 1, Records: records[n%2 : n%2+1]}, decoded[n%2])
			s.Next()
		}
	})
	b.Run("read", func(b *testing.B) {
		var bytes int
		for b.Loop() {
			text, err := json.Marshal(repoOf(s))
			require.NoError(b, err)
			bytes = len(text)
		}
		b.ReportMetric(float64(bytes), "B")
	})
}
