// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// world holds an engine over a log of its own, and a Sweep over both.
type world struct {
	t     *testing.T
	log   *etcd.Log
	sweep *Sweep
}

func start(t *testing.T, options Options) *world {
	t.Helper()
	w := &world{t: t, log: etcd.New(etcdtest.Start(t).Client, "/muster")}
	e := engine.New(w.log, engine.DefaultOptions())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	w.sweep = NewWithOptions(e, w.log, options)
	w.commit(etcd.Txn{Put: map[record.Key][]byte{record.TargetingGuardKey(): []byte("{}")}})
	ready, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	_, err := e.Barrier(ready)
	require.NoError(t, err)
	return w
}

func (w *world) commit(txn etcd.Txn) {
	w.t.Helper()
	_, ok, err := w.log.Commit(w.t.Context(), txn)
	require.NoError(w.t, err)
	require.True(w.t, ok)
}

func (w *world) paths() []string {
	w.t.Helper()
	at, err := w.log.Revision(w.t.Context())
	require.NoError(w.t, err)
	var out []string
	require.NoError(w.t, w.log.Load(w.t.Context(), at, func(r etcd.Record) { out = append(out, r.Key.Path()) }))
	return out
}

func (w *world) contents() []string {
	w.t.Helper()
	ids, err := w.log.ContentIDs(w.t.Context())
	require.NoError(w.t, err)
	return ids
}

// bundle returns a transaction that writes the Bundle with a content.
func (w *world) bundle(content string) etcd.Txn {
	w.t.Helper()
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "app", UID: "uid", Generation: 1}}
	data, err := (&record.Object{Object: b, Content: content}).Encode()
	require.NoError(w.t, err)
	return etcd.Txn{
		Put:     map[record.Key][]byte{record.ObjectKey(record.Bundles, record.Name{Namespace: "fleet", Name: "app"}): data},
		Content: []etcd.Content{{ID: content, Data: []byte(content)}},
	}
}

func TestASweepRemovesMoreThanOneTransactionHolds(t *testing.T) {
	t.Parallel()
	w := start(t, Options{Every: time.Hour, Pause: time.Millisecond, Grace: time.Hour})
	const many = 3*batch + 1
	for i := range many {
		name := record.Name{Namespace: "gone", Name: "b-" + string(rune('a'+i/26)) + string(rune('a'+i%26))}
		data, err := (&record.Report{UID: "uid", Status: &v1alpha1.BundleDeployment{}}).Encode()
		require.NoError(t, err)
		w.commit(etcd.Txn{Put: map[record.Key][]byte{record.ReportKey(record.BundleDeployments, name): data}})
	}
	require.Len(t, w.paths(), many+1)
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"guard/targeting/-/-"}, w.paths())
	before, err := w.log.Revision(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.sweep.Once(t.Context()))
	after, err := w.log.Revision(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after, "with nothing to sweep nothing is written")
}

func TestARecordThatIsNeededAgainMeanwhileStays(t *testing.T) {
	t.Parallel()
	w := start(t, Options{Every: time.Hour, Pause: time.Millisecond, Grace: time.Hour})
	name := record.Name{Namespace: names.ClusterNamespace("fleet", "c"), Name: "app"}
	owner := derive.IdentityUID("uid", "uid-of-c")
	data, err := (&record.Promotion{UID: owner}).Encode()
	require.NoError(t, err)
	key := record.PromotionKey(name)
	w.commit(etcd.Txn{Put: map[record.Key][]byte{key: data}})
	_, err = w.sweep.source.Barrier(t.Context())
	require.NoError(t, err)
	var found []engine.UnusedRecord
	var at int64
	require.NoError(t, w.sweep.source.Unused(func(unused []engine.UnusedRecord, revision int64) bool {
		found, at = append(found, unused...), revision
		return true
	}))
	require.Len(t, found, 1)

	// The Cluster is created.
	c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "c", UID: types.UID("uid-of-c")}}
	cluster, err := (&record.Object{Object: c}).Encode()
	require.NoError(t, err)
	w.commit(etcd.Txn{Put: map[record.Key][]byte{record.ObjectKey(record.Clusters, record.Name{Namespace: "fleet", Name: "c"}): cluster}})
	_, ok, err := w.log.Commit(t.Context(), removal(found, at))
	require.NoError(t, err)
	require.False(t, ok)

	// A Bundle is created that targets it.
	b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "app", UID: "uid", Generation: 1}}
	b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	wants, err := (&record.Object{Object: b}).Encode()
	require.NoError(t, err)
	w.commit(etcd.Txn{Put: map[record.Key][]byte{record.ObjectKey(record.Bundles, record.Name{Namespace: "fleet", Name: "app"}): wants}})
	removed, err := w.sweep.remove(t.Context(), []record.Key{key})
	require.NoError(t, err)
	require.Zero(t, removed, "at the second look it is needed")
	require.Contains(t, w.paths(), key.Path())
}

func TestAContentIsRemovedWhenNothingHasReferredToItForTheTimeOfGrace(t *testing.T) {
	t.Parallel()
	w := start(t, Options{Every: time.Hour, Pause: time.Millisecond, Grace: time.Hour})
	w.commit(w.bundle("s-1"))
	w.commit(w.bundle("s-2"))
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1", "s-2"}, w.contents(), "an agent may still fetch it")
	require.Contains(t, w.sweep.unused, "s-1")
	require.NotContains(t, w.sweep.unused, "s-2")

	w.sweep.unused["s-1"] = time.Now().Add(-time.Hour)
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-2"}, w.contents())

	w.commit(w.bundle("s-1"))
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1", "s-2"}, w.contents(), "the write brought it along, and the grace of the other begins")
}

// slow is an engine after whose answer something happens.
type slow struct {
	Source
	then func()
}

func (s slow) ContentsInUse() (map[string]struct{}, int64, error) {
	ids, at, err := s.Source.ContentsInUse()
	s.then()
	return ids, at, err
}

func TestAContentThatAWriteUsesAgainMeanwhileStays(t *testing.T) {
	t.Parallel()
	w := start(t, Options{Every: time.Hour, Pause: time.Millisecond})
	w.commit(w.bundle("s-1"))
	w.commit(w.bundle("s-2"))
	w.sweep.source = slow{w.sweep.source, sync.OnceFunc(func() { w.commit(w.bundle("s-1")) })}
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1", "s-2"}, w.contents())
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1"}, w.contents())
}

func TestNothingIsSweptWhileARecordCannotBeDecoded(t *testing.T) {
	t.Parallel()
	w := start(t, Options{Every: time.Hour, Pause: time.Millisecond})
	w.commit(w.bundle("s-1"))
	w.commit(w.bundle("s-2"))
	unknown := record.ObjectKey(record.Bundles, record.Name{Namespace: "fleet", Name: "newer"})
	w.commit(etcd.Txn{Put: map[record.Key][]byte{unknown: []byte("{")}})
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1", "s-2"}, w.contents())

	w.commit(etcd.Txn{Delete: []record.Key{unknown}})
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-2"}, w.contents())
}

func TestWhatIsUsedAgainGetsItsWholeGraceAnew(t *testing.T) {
	t.Parallel()
	s := NewWithOptions(nil, nil, Options{Grace: time.Hour})
	at := time.Unix(1_700_000_000, 0)
	used := func(ids ...string) map[string]struct{} {
		out := map[string]struct{}{}
		for _, id := range ids {
			out[id] = struct{}{}
		}
		return out
	}
	stored := []string{"a", "b"}
	require.Empty(t, s.due(stored, used("b"), at))
	require.Empty(t, s.due(stored, used("a"), at.Add(50*time.Minute)))
	require.Empty(t, s.due(stored, used(), at.Add(100*time.Minute)))
	require.Equal(t, []string{"b"}, s.due(stored, used(), at.Add(110*time.Minute)))
	due := s.due(stored, used(), at.Add(160*time.Minute))
	slices.Sort(due)
	require.Equal(t, stored, due)
}

// busy is a log on which a Cluster is edited between a look and its commit, except for each
// third commit.
type busy struct {
	*etcd.Log
	edit    func(i int)
	commits int
}

func (l *busy) Commit(ctx context.Context, txn etcd.Txn) (int64, bool, error) {
	if l.commits++; l.commits%3 != 0 {
		l.edit(l.commits)
	}
	return l.Log.Commit(ctx, txn)
}

func TestASweepContinuesWhileClustersAreEditedAllTheTime(t *testing.T) {
	t.Parallel()
	w := start(t, Options{Every: time.Hour, Pause: time.Millisecond, Grace: time.Hour})
	const many = 2*batch + 1
	for i := range many {
		name := record.Name{Namespace: "gone", Name: "b-" + string(rune('a'+i/26)) + string(rune('a'+i%26))}
		data, err := (&record.Report{UID: "uid", Status: &v1alpha1.BundleDeployment{}}).Encode()
		require.NoError(t, err)
		w.commit(etcd.Txn{Put: map[record.Key][]byte{record.ReportKey(record.BundleDeployments, name): data}})
	}
	w.sweep.log = &busy{Log: w.log, edit: func(i int) {
		c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "c", UID: "uid-of-c", Labels: map[string]string{"edit": string(rune('a' + i))}}}
		data, err := (&record.Object{Object: c}).Encode()
		require.NoError(t, err)
		w.commit(etcd.Txn{Put: map[record.Key][]byte{record.ObjectKey(record.Clusters, record.Name{Namespace: "fleet", Name: "c"}): data}})
	}}
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"guard/targeting/-/-", "object/clusters/fleet/c"}, w.paths())
}

func TestASweepRemovesAllContentsThatAreDueAndNoOther(t *testing.T) {
	t.Parallel()
	w := start(t, Options{Every: time.Hour, Pause: time.Millisecond, Grace: time.Hour})
	w.commit(w.bundle("s-now"))
	require.NoError(t, w.sweep.Once(t.Context()))
	var contents []etcd.Content
	for i := range 3*contentBatch + 1 {
		id := "s-" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		contents = append(contents, etcd.Content{ID: id, Data: []byte("x")})
		w.sweep.unused[id] = time.Now().Add(-2 * time.Hour)
	}
	w.commit(etcd.Txn{Put: map[record.Key][]byte{record.VersionsGuardKey(): []byte("{}")}, Content: contents})
	// One content was used for a moment, between two looks.
	w.commit(w.bundle("s-aa"))
	w.commit(w.bundle("s-now"))
	// A Bundle is written between two looks.
	w.sweep.source = slow{w.sweep.source, sync.OnceFunc(func() { w.commit(w.bundle("s-then")) })}
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-aa", "s-now", "s-then"}, w.contents())
}
