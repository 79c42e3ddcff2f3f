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

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// world holds an engine, and a Sweep over it.
type world struct {
	*controllertest.Engine

	sweep *Sweep
}

func start(t *testing.T, grace time.Duration) *world {
	t.Helper()
	e := controllertest.Start(t, etcd.New(etcdtest.Start(t).Client, "/muster"))
	e.Commit(etcd.Txn{Put: map[record.Key][]byte{record.TargetingGuardKey(): []byte("{}")}})
	e.View()
	return &world{e, New(e, e.Log, Options{Every: time.Hour, Pause: time.Millisecond, Grace: grace})}
}

func (w *world) paths() []string {
	w.T.Helper()
	at, err := w.Log.Revision(w.Ctx)
	require.NoError(w.T, err)
	var out []string
	require.NoError(w.T, w.Log.Load(w.Ctx, at, func(r etcd.Record) { out = append(out, r.Key.Path()) }))
	return out
}

func (w *world) contents() []string {
	w.T.Helper()
	ids, err := w.Log.ContentIDs(w.Ctx)
	require.NoError(w.T, err)
	return ids
}

// put writes an object without what its plan would write beside it.
func (w *world) put(resource string, object record.APIObject) {
	w.T.Helper()
	data, err := (&record.Object{Object: object}).Encode()
	require.NoError(w.T, err)
	w.Commit(etcd.Txn{Put: map[record.Key][]byte{record.ObjectKey(resource, record.Name{Namespace: "fleet", Name: object.GetName()}): data}})
}

// orphans writes reports on BundleDeployments that do not exist.
func (w *world) orphans(many int) {
	for i := range many {
		name := record.Name{Namespace: "gone", Name: "b-" + letters(i)}
		w.Report(record.BundleDeployments, name, &record.Report{UID: "uid", Status: &v1alpha1.BundleDeployment{}})
	}
}

// letters returns two letters for a number.
func letters(i int) string { return string(rune('a'+i/26)) + string(rune('a'+i%26)) }

// bundle returns a transaction that writes the Bundle with a content.
func (w *world) bundle(content string) etcd.Txn {
	w.T.Helper()
	b := &v1alpha1.Bundle{ObjectMeta: controllertest.Meta("app", 1)}
	data, err := (&record.Object{Object: b, Content: content}).Encode()
	require.NoError(w.T, err)
	return etcd.Txn{
		Put:     map[record.Key][]byte{record.ObjectKey(record.Bundles, record.Name{Namespace: "fleet", Name: "app"}): data},
		Content: []etcd.Content{{ID: content, Data: []byte(content)}},
	}
}

func TestASweepRemovesMoreThanOneTransactionHolds(t *testing.T) {
	t.Parallel()
	w := start(t, time.Hour)
	const many = 3*batch + 1
	w.orphans(many)
	require.Len(t, w.paths(), many+1)
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"guard/targeting/-/-"}, w.paths())
	before, err := w.Log.Revision(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.sweep.Once(t.Context()))
	after, err := w.Log.Revision(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after, "with nothing to sweep nothing is written")
}

func TestARecordThatIsNeededAgainMeanwhileStays(t *testing.T) {
	t.Parallel()
	w := start(t, time.Hour)
	name := record.Name{Namespace: names.ClusterNamespace("fleet", "c"), Name: "app"}
	owner := derive.IdentityUID("uid-of-app", "uid-of-c")
	data, err := (&record.Promotion{UID: owner}).Encode()
	require.NoError(t, err)
	key := record.PromotionKey(name)
	w.Commit(etcd.Txn{Put: map[record.Key][]byte{key: data}})
	w.View()
	var found []engine.UnusedRecord
	var at int64
	require.NoError(t, w.sweep.source.Unused(func(unused []engine.UnusedRecord, revision int64) bool {
		found, at = append(found, unused...), revision
		return true
	}))
	require.Len(t, found, 1)

	w.put(record.Clusters, &v1alpha1.Cluster{ObjectMeta: controllertest.Meta("c", 1)})
	_, ok, err := w.Log.Commit(t.Context(), removal(found, at))
	require.NoError(t, err)
	require.False(t, ok)

	w.put(record.Bundles, controllertest.Bundle("app", 1))
	removed, err := w.sweep.remove(t.Context(), []record.Key{key})
	require.NoError(t, err)
	require.Zero(t, removed, "at the second look it is needed")
	require.Contains(t, w.paths(), key.Path())
}

func TestAContentIsRemovedAfterAGracePeriodWithoutReferences(t *testing.T) {
	t.Parallel()
	w := start(t, time.Hour)
	w.Commit(w.bundle("s-1"))
	w.Commit(w.bundle("s-2"))
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1", "s-2"}, w.contents(), "an agent may still fetch it")
	require.Contains(t, w.sweep.unused, "s-1")
	require.NotContains(t, w.sweep.unused, "s-2")

	w.sweep.unused["s-1"] = time.Now().Add(-time.Hour)
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-2"}, w.contents())

	w.Commit(w.bundle("s-1"))
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1", "s-2"}, w.contents(), "the write brought it along, and the grace of the other begins")
}

// slow calls then after it has read which contents are in use.
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
	w := start(t, 0)
	w.Commit(w.bundle("s-1"))
	w.Commit(w.bundle("s-2"))
	w.sweep.source = slow{w.sweep.source, sync.OnceFunc(func() { w.Commit(w.bundle("s-1")) })}
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1", "s-2"}, w.contents())
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1"}, w.contents())
}

func TestNothingIsSweptWhileARecordCannotBeDecoded(t *testing.T) {
	t.Parallel()
	w := start(t, 0)
	w.Commit(w.bundle("s-1"))
	w.Commit(w.bundle("s-2"))
	unknown := record.ObjectKey(record.Bundles, record.Name{Namespace: "fleet", Name: "newer"})
	w.Commit(etcd.Txn{Put: map[record.Key][]byte{unknown: []byte("{")}})
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-1", "s-2"}, w.contents())

	w.Commit(etcd.Txn{Delete: []record.Key{unknown}})
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-2"}, w.contents())
}

func TestReuseRestartsTheGracePeriod(t *testing.T) {
	t.Parallel()
	s := New(nil, nil, Options{Grace: time.Hour})
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
	w := start(t, time.Hour)
	const many = 2*batch + 1
	w.orphans(many)
	w.sweep.log = &busy{Log: w.Log, edit: func(i int) {
		c := &v1alpha1.Cluster{ObjectMeta: controllertest.Meta("c", 1)}
		c.Labels = map[string]string{"edit": letters(i)}
		w.put(record.Clusters, c)
	}}
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"guard/targeting/-/-", "object/clusters/fleet/c"}, w.paths())
}

func TestASweepRemovesExactlyTheContentsThatAreDue(t *testing.T) {
	t.Parallel()
	w := start(t, time.Hour)
	w.Commit(w.bundle("s-now"))
	require.NoError(t, w.sweep.Once(t.Context()))
	var contents []etcd.Content
	for i := range 3*contentBatch + 1 {
		id := "s-" + letters(i)
		contents = append(contents, etcd.Content{ID: id, Data: []byte("x")})
		w.sweep.unused[id] = time.Now().Add(-2 * time.Hour)
	}
	w.Commit(etcd.Txn{Put: map[record.Key][]byte{record.VersionsGuardKey(): []byte("{}")}, Content: contents})
	// One content was used for a moment, between two looks.
	w.Commit(w.bundle("s-aa"))
	w.Commit(w.bundle("s-now"))
	// A Bundle is written between two looks.
	w.sweep.source = slow{w.sweep.source, sync.OnceFunc(func() { w.Commit(w.bundle("s-then")) })}
	require.NoError(t, w.sweep.Once(t.Context()))
	require.Equal(t, []string{"s-aa", "s-now", "s-then"}, w.contents())
}
