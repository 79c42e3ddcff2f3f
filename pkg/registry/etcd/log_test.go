// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/invariants"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// deadline is how long a test waits for what should come at once.
var deadline = 30 * time.Second

func init() {
	if invariants.Enabled {
		deadline *= 6 // an etcd under the race detector is slow
	}
}

func withDeadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	t.Cleanup(cancel)
	return ctx
}

// onBothClients runs a test over the network and in the process, because errors take another
// path.
func onBothClients(t *testing.T, run func(t *testing.T, client *clientv3.Client)) {
	t.Parallel()
	t.Run("over the network", func(t *testing.T) {
		t.Parallel()
		run(t, etcdtest.Start(t).Client)
	})
	t.Run("in the process", func(t *testing.T) {
		t.Parallel()
		run(t, etcdtest.Start(t).Embedded)
	})
}

func key(name string) record.Key {
	return record.ObjectKey(record.ClusterGroups, record.Name{Namespace: "ns", Name: name})
}

func put(names ...string) etcd.Txn {
	txn := etcd.Txn{Put: map[record.Key][]byte{}}
	for _, name := range names {
		txn.Put[key(name)] = []byte("value of " + name)
	}
	return txn
}

func commit(ctx context.Context, t *testing.T, log *etcd.Log, txn etcd.Txn) int64 {
	t.Helper()
	revision, ok, err := log.Commit(ctx, txn)
	require.NoError(t, err)
	require.True(t, ok, "a guard does not hold")
	return revision
}

// load returns the records of a load, in order.
func load(ctx context.Context, t *testing.T, log *etcd.Log, revision int64) []etcd.Record {
	t.Helper()
	var out []etcd.Record
	require.NoError(t, log.Load(ctx, revision, func(r etcd.Record) { out = append(out, r) }))
	return out
}

func TestLoadReadsAllRecordsAsTheyWereAtARevision(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log := withDeadline(t), etcd.New(client, "/muster/")
		first := commit(ctx, t, log, put("a", "b"))
		second := commit(ctx, t, log, etcd.Txn{Put: map[record.Key][]byte{key("c"): []byte("c")}, Delete: []record.Key{key("a")}})
		_, err := client.Put(ctx, "/muster-of-another/log/object/clusters/ns/x", "foreign")
		require.NoError(t, err)
		garbage, err := client.Put(ctx, "/muster/log/garbage", "no record")
		require.NoError(t, err)

		require.Equal(t, []etcd.Record{
			{Key: key("a"), Value: []byte("value of a"), Revision: first},
			{Key: key("b"), Value: []byte("value of b"), Revision: first},
		}, load(ctx, t, log, first))
		require.Equal(t, []etcd.Record{
			{Key: key("b"), Value: []byte("value of b"), Revision: first},
			{Key: key("c"), Value: []byte("c"), Revision: second},
		}, load(ctx, t, log, second))
		last := load(ctx, t, log, garbage.Header.Revision)
		require.Len(t, last, 3)
		bad := slices.DeleteFunc(last, func(r etcd.Record) bool { return r.Err == nil })
		require.Len(t, bad, 1, "a key that is not ours is reported")
		require.ErrorContains(t, bad[0].Err, "garbage")
	})
}

func TestLoadReadsMoreThanOnePage(t *testing.T) {
	t.Parallel()
	ctx, log := withDeadline(t), etcd.New(etcdtest.Start(t).Client, "/muster")
	want := map[record.Key]bool{}
	var revision int64
	for batch := range 110 {
		txn := etcd.Txn{Put: map[record.Key][]byte{}}
		for i := range 100 {
			k := key(fmt.Sprintf("%d-%d", batch, i))
			txn.Put[k], want[k] = []byte("x"), true
		}
		revision = commit(ctx, t, log, txn)
	}
	for _, r := range load(ctx, t, log, revision) {
		require.True(t, want[r.Key], "%s came twice, or was never written", r.Key.Path())
		delete(want, r.Key)
	}
	require.Empty(t, want)

	for _, enough := range []int{1, 4999, 5000, 5001, 10_001} {
		short, cancel := context.WithCancel(ctx)
		n := 0
		err := log.Load(short, revision, func(etcd.Record) {
			if n++; n == enough {
				cancel()
			}
		})
		require.True(t, err != nil || n == 11_000, "a load that was cut short at %d of 11000 records ended as if whole", n)
	}
}

func TestCompactedRevisionsAreGone(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log := withDeadline(t), etcd.New(client, "/muster")
		first := commit(ctx, t, log, put("a"))
		second := commit(ctx, t, log, put("a"))
		_, err := client.Compact(ctx, second)
		require.NoError(t, err)

		require.ErrorIs(t, log.Load(ctx, first, func(etcd.Record) {}), etcd.ErrCompacted)
		require.ErrorIs(t, log.Watch(ctx, first-1, func(etcd.Batch) {}), etcd.ErrCompacted)
		held, err := log.Holds(ctx, first)
		require.NoError(t, err)
		require.False(t, held)
		held, err = log.Holds(ctx, second)
		require.NoError(t, err)
		require.True(t, held)
		require.Len(t, load(ctx, t, log, second), 1)
	})
}

func TestGuards(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log := withDeadline(t), etcd.New(client, "/muster")
		first := commit(ctx, t, log, put("a"))
		second := commit(ctx, t, log, put("b"))
		elsewhere := record.ObjectKey(record.ClusterGroups, record.Name{Namespace: "ns-other", Name: "c"})
		third := commit(ctx, t, log, etcd.Txn{Put: map[record.Key][]byte{elsewhere: []byte("c")}})
		since := func(namespace string, revision int64) etcd.Txn {
			return etcd.Txn{UnchangedSince: []etcd.RangeGuard{{Resource: record.ClusterGroups, Namespace: namespace, Revision: revision}}}
		}
		unchanged := func(name string, revision int64) etcd.Txn {
			return etcd.Txn{Unchanged: map[record.Key]int64{key(name): revision}}
		}
		notAfter := func(name string, revision int64) etcd.Txn {
			return etcd.Txn{NotAfter: map[record.Key]int64{key(name): revision}}
		}
		for name, c := range map[string]struct {
			txn   etcd.Txn
			holds bool
		}{
			"the record is from before the revision":                  {notAfter("a", second), true},
			"the record is from the revision":                         {notAfter("b", second), true},
			"the record is from after the revision":                   {notAfter("b", first), false},
			"no record exists, so none is later":                      {notAfter("none", first), true},
			"the record is at its revision":                           {unchanged("a", first), true},
			"the record was written since":                            {unchanged("b", first), false},
			"a revision from the future":                              {unchanged("a", second), false},
			"no record should exist, and none does":                   {unchanged("none", 0), true},
			"no record should exist, and one does":                    {unchanged("a", 0), false},
			"a record should exist, and none does":                    {unchanged("none", first), false},
			"only a namespace with the same prefix was written since": {since("ns", second), true},
			"something in the namespace was":                          {since("ns", first), false},
			"nothing in any namespace was written since":              {since("", third), true},
			"something in another namespace was":                      {since("", second), false},
			"an empty namespace":                                      {since("empty", 1), true},
		} {
			c.txn.Put = map[record.Key][]byte{record.NamespaceKey("written"): []byte(name)}
			revision, ok, err := log.Commit(ctx, c.txn)
			require.NoError(t, err, name)
			require.Equal(t, c.holds, ok, name)
			response, err := client.Get(ctx, "/muster/log/"+record.NamespaceKey("written").Path())
			require.NoError(t, err, name)
			written := len(response.Kvs) == 1 && string(response.Kvs[0].Value) == name
			require.Equal(t, c.holds, written, name)
			if c.holds {
				require.Equal(t, revision, response.Kvs[0].ModRevision, name)
			}
		}
	})
}

func TestContentIsWrittenOnce(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log := withDeadline(t), etcd.New(client, "/muster")
		content := func(ids ...string) etcd.Txn {
			txn := put("a")
			for _, id := range ids {
				txn.Content = append(txn.Content, etcd.Content{ID: id, Data: []byte("data of " + id)})
			}
			return txn
		}
		first := commit(ctx, t, log, content("s-1"))
		second := commit(ctx, t, log, content("s-1", "s-2"))

		got, err := log.Contents(ctx, []string{"s-1", "s-2", "s-3"})
		require.NoError(t, err)
		require.Equal(t, map[string][]byte{"s-1": []byte("data of s-1"), "s-2": []byte("data of s-2")}, got)
		stored, at, remaining, err := log.ListContents(ctx, "", 1, 0)
		require.NoError(t, err)
		require.Equal(t, []etcd.StoredContent{{Content: etcd.Content{ID: "s-1", Data: []byte("data of s-1")}, Revision: first}}, stored)
		require.Equal(t, second, at)
		require.EqualValues(t, 1, remaining)
		stored, _, remaining, err = log.ListContents(ctx, "s-1\x00", 0, second)
		require.NoError(t, err)
		require.Equal(t, []etcd.StoredContent{{Content: etcd.Content{ID: "s-2", Data: []byte("data of s-2")}, Revision: second}}, stored)
		require.Zero(t, remaining)
		require.Len(t, load(ctx, t, log, second), 1, "content is not part of the log")
	})
}

func TestARecordIsReadAsItStands(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	keys := etcdtest.NewKeys("k1")
	log := etcd.New(server.Client, "/muster", everythingBy(keys))
	none, err := log.Get(ctx, key("a"))
	require.NoError(t, err)
	require.Nil(t, none.Value)
	at := commit(ctx, t, log, put("a"))
	got, err := log.Get(ctx, key("a"))
	require.NoError(t, err)
	require.Equal(t, etcd.Record{Key: key("a"), Value: []byte("value of a"), Revision: at}, got)
	_, err = server.Client.Put(ctx, "/muster/log/"+key("a").Path(), "")
	require.NoError(t, err)
	keys.Fail(true)
	_, err = log.Get(ctx, key("a"))
	require.ErrorIs(t, err, etcd.ErrUndecryptable)
}

func TestManyOperationsAreOneRevision(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log := withDeadline(t), etcd.New(client, "/muster")
		const many = 2000 // three levels
		for first := 0; first < many; first += 500 {
			some := etcd.Txn{Put: map[record.Key][]byte{}}
			for i := range 500 {
				some.Put[key(fmt.Sprint(first+i))] = []byte("x")
			}
			commit(ctx, t, log, some)
		}
		before, err := log.Revision(ctx)
		require.NoError(t, err)
		require.Len(t, load(ctx, t, log, before), many)
		all := etcd.Txn{Put: map[record.Key][]byte{key("last"): []byte("x")}}
		for i := range many {
			all.Delete = append(all.Delete, key(fmt.Sprint(i)))
		}
		revision := commit(ctx, t, log, all)
		require.Equal(t, before+1, revision)
		require.Len(t, load(ctx, t, log, revision), 1)
	})
}

func TestRevisionIncludesEarlierCommits(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx, log := withDeadline(t), etcd.New(client, "/muster")
		revision, err := log.Revision(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, revision, "an empty etcd is at revision 1")
		for range 100 {
			committed := commit(ctx, t, log, put("a"))
			revision, err := log.Revision(ctx)
			require.NoError(t, err)
			require.Equal(t, committed, revision)
		}
	})
}

func sorted(b etcd.Batch) etcd.Batch {
	slices.SortFunc(b.Records, func(x, y etcd.Record) int { return strings.Compare(x.Key.Path(), y.Key.Path()) })
	return b
}

// batchOf returns the batch that a watch should deliver for a transaction.
func batchOf(txn etcd.Txn, revision int64) etcd.Batch {
	b := etcd.Batch{Revision: revision}
	for k, value := range maps.All(txn.Put) {
		b.Records = append(b.Records, etcd.Record{Key: k, Value: value, Revision: revision})
	}
	for _, k := range txn.Delete {
		b.Records = append(b.Records, etcd.Record{Key: k, Revision: revision})
	}
	for _, k := range txn.Removals() {
		b.Records = append(b.Records, etcd.Record{Key: k, Value: record.Stamp([]byte("{}")), Revision: revision})
	}
	return sorted(b)
}
