// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// reported returns a state of a GitRepo with a report of about the given number of bytes.
func reported(t *testing.T, at int64, bytes int) *Object {
	t.Helper()
	conditions := make([]map[string]string, 0, bytes/100)
	for i := range bytes / 100 {
		conditions = append(conditions, map[string]string{"type": fmt.Sprintf("at-%d-%d", at, i), "message": strings.Repeat("x", 60)})
	}
	data, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": conditions}})
	require.NoError(t, err)
	report, err := record.DecodeReport(record.GitRepos, data)
	require.NoError(t, err)
	require.Equal(t, len(data), report.Size)
	return &Object{ID: record.Name{Namespace: "n", Name: "big"}, At: VersionAt(at), Report: report}
}

// heap returns the bytes that are in use after a garbage collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestHistoryIsBoundedByItsBytes checks that large reports push out older revisions, and
// that their memory stays near the limit.
func TestHistoryIsBoundedByItsBytes(t *testing.T) { //nolint:paralleltest // it reads the size of the heap
	const limit, report = 32 << 20, 400 << 10
	b := NewBuilder(Limits{Revisions: 10_000, Changes: 200_000, Bytes: limit})
	b.Put(record.GitRepos, reported(t, 1, report))
	v := b.Load(1)
	before := heap()
	for at := int64(2); at < 200; at++ {
		b.Put(record.GitRepos, reported(t, at, report))
		v = b.Next(at)
		require.LessOrEqual(t, v.History().Bytes, int64(limit))
	}
	held := heap() - before
	require.Greater(t, v.Oldest, int64(100), "198 reports of 400 kB are far over the limit")
	require.Less(t, v.Oldest, int64(190), "and the last ones are within it")
	require.InEpsilon(t, v.History().Bytes, held, 1, "the estimate is near the heap")
	_, err := v.Since(v.Oldest - 1)
	require.ErrorIs(t, err, ErrCompacted)
	runtime.KeepAlive(b)
}

// TestTheNewestRevisionIsAlwaysHeld has a newest revision that is over the limit alone.
func TestTheNewestRevisionIsAlwaysHeld(t *testing.T) {
	t.Parallel()
	b := NewBuilder(Limits{Revisions: 10, Changes: 10, Bytes: 1})
	b.Put(record.GitRepos, reported(t, 1, 1000))
	b.Load(1)
	for at := int64(2); at < 9; at++ {
		b.Put(record.GitRepos, reported(t, at, 1000))
		v := b.Next(at)
		require.NotNil(t, v.Exactly(at))
		require.Equal(t, at-1, v.Oldest, "a watch from the revision before gets it")
	}
}

// TestRevisionsOlderThanTheWindowAreForgotten checks that a revision is forgotten when a new
// one arrives, and not before: a fleet at rest loses nothing.
func TestRevisionsOlderThanTheWindowAreForgotten(t *testing.T) {
	t.Parallel()
	b := NewBuilder(Limits{Revisions: 1000, Changes: 1000, Window: time.Minute})
	clock := time.Unix(1_700_000_000, 0)
	b.now = func() time.Time { return clock }
	b.Put(record.GitRepos, reported(t, 1, 100))
	b.Load(1)
	next := func(at int64) *View {
		b.Put(record.GitRepos, reported(t, at, 100))
		return b.Next(at)
	}
	for at := int64(2); at <= 10; at++ {
		require.Equal(t, int64(1), next(at).Oldest)
		clock = clock.Add(6 * time.Second)
	}
	clock = clock.Add(10 * time.Second) // revision 2 came 64 s ago, 3 came 58 s ago
	require.Equal(t, int64(1), b.Reached(11).Oldest)
	require.Equal(t, int64(2), next(12).Oldest)
	clock = clock.Add(time.Hour)
	require.Equal(t, int64(12), next(13).Oldest)
}

// TestTheArrayOfTheLogIsReplaced checks that the log's array does not keep forgotten
// revisions alive.
func TestTheArrayOfTheLogIsReplaced(t *testing.T) {
	t.Parallel()
	b := NewBuilder(Limits{Revisions: 64, Changes: 1000})
	b.Put(record.GitRepos, reported(t, 1, 100))
	b.Load(1)
	for at := int64(2); at < 1000; at++ {
		b.Put(record.GitRepos, reported(t, at, 100))
		b.Next(at)
		require.LessOrEqual(t, b.dropped, 8)
		require.LessOrEqual(t, len(b.log), 64)
	}
}

// TestHistoryWeighsContentsThatItAloneHolds covers templates that give a BundleDeployment
// another content with every label edit.
func TestHistoryWeighsContentsThatItAloneHolds(t *testing.T) {
	t.Parallel()
	options := v1alpha1.BundleDeploymentOptions{DefaultNamespace: strings.Repeat("x", 10_000)}
	content := func(at int64) *derive.Content { return derive.Pinned(fmt.Sprint("s-", at), options) }
	face, cluster := &BundleFace{Bundle: &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: "b"}}}, &ClusterFace{Cluster: &v1alpha1.Cluster{}, Namespace: "c"}
	other := &ClusterFace{Cluster: &v1alpha1.Cluster{}, Namespace: "other"}
	weigh := func(shared bool) int64 {
		b := NewBuilder(Limits{Revisions: 100, Changes: 100})
		first := content(1)
		b.Put(record.BundleDeployments, &BundleDeployment{At: 1, Bundle: face, Cluster: cluster, Content: first})
		if shared {
			b.Put(record.BundleDeployments, &BundleDeployment{At: 1, Bundle: face, Cluster: other, Content: first})
		}
		b.Load(1)
		b.Put(record.BundleDeployments, &BundleDeployment{At: 2, Bundle: face, Cluster: cluster, Content: content(2)})
		return b.Next(2).History().Bytes
	}
	require.Greater(t, weigh(false)-weigh(true), int64(expansion*len(options.DefaultNamespace)), "a content in use does not count as history")
}

// TestHistoryWeighsReportsAsTheyAreKept compares the estimate with the memory of reports
// that only history holds, small and large.
func TestHistoryWeighsReportsAsTheyAreKept(t *testing.T) { //nolint:paralleltest // it reads the size of the heap
	dice := rand.New(rand.NewPCG(1, 0))
	face, cluster := &BundleFace{Bundle: &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: "b"}}}, &ClusterFace{Cluster: &v1alpha1.Cluster{}, Namespace: "c"}
	for range 4 * runtime.GOMAXPROCS(0) {
		reportOf(t, &record.Report{Status: &v1alpha1.BundleDeployment{}}) // each encoder keeps a buffer
	}
	for _, objects := range []int{1, 1000} {
		b := NewBuilder(Limits{Revisions: 10_000, Changes: 10_000})
		put := func(at int64) {
			bd := &v1alpha1.BundleDeployment{}
			for range objects {
				bd.Status.Resources = append(bd.Status.Resources, v1alpha1.BundleDeploymentResource{Kind: "ConfigMap", Name: fmt.Sprint("at-", dice.Uint64())})
			}
			b.Put(record.BundleDeployments, &BundleDeployment{At: VersionAt(at), Bundle: face, Cluster: cluster, Content: derive.Nothing, Report: reportOf(t, &record.Report{Status: bd})})
		}
		put(1)
		v := b.Load(1)
		before := heap()
		for at := int64(2); at < 1000; at++ {
			put(at)
			v = b.Next(at)
		}
		held := heap() - before
		t.Logf("SUMMARY a revision with a report on %d objects: %d bytes estimated, %d held", objects, v.History().Bytes/998, held/998)
		require.InEpsilon(t, v.History().Bytes, held, 1, "the estimate is near the heap")
		runtime.KeepAlive(b)
	}
}
