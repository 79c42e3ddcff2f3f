// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/embed"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestAWriterThatGivesUpWhileItWaitsHasWrittenNothing(t *testing.T) {
	t.Parallel()
	tr := newTraffic(t)
	tr.hold()
	ctx, cancel := context.WithCancel(t.Context())
	gone := tr.start(ctx, put("gone"))
	require.Eventually(t, func() bool { return etcd.Waiting(tr.log) == 1 }, deadline, tick)
	others := tr.gather(put("a"), put("b"))
	cancel()
	r := <-gone
	require.ErrorIs(t, r.err, etcd.ErrRefused)
	require.ErrorIs(t, r.err, context.Canceled)
	tr.release()
	tr.written(others)
	require.NotContains(t, tr.records(), key("gone"))
}

func TestAWriterThatGivesUpUnderWayGetsNoRefusal(t *testing.T) {
	t.Parallel()
	tr := newTraffic(t)
	_, err := tr.log.Revision(t.Context())
	require.NoError(t, err, "it is connected")
	tr.proxy.Stall()
	ctx, cancel := context.WithCancel(t.Context())
	gone := tr.start(ctx, put("gone"))
	tr.sent(1)
	cancel()
	r := <-gone
	require.ErrorIs(t, r.err, context.Canceled)
	require.NotErrorIs(t, r.err, etcd.ErrRefused)
	// What is sent is not taken back: it may be the write of others, too.
	tr.proxy.Mend()
	require.Eventually(t, func() bool { return tr.records()[key("gone")] != "" }, deadline, tick)
}

func TestAWriterThatGivesUpDoesNotTakeItsGroupWithIt(t *testing.T) {
	t.Parallel()
	tr := newTraffic(t)
	tr.hold()
	ctx, cancel := context.WithCancel(t.Context())
	gone := tr.start(ctx, put("gone")) // the first of its group
	require.Eventually(t, func() bool { return etcd.Waiting(tr.log) == 1 }, deadline, tick)
	others := tr.gather(put("a"), put("b"))
	tr.sizes.on(3, cancel)
	tr.release()
	tr.written(others)
	<-gone
	require.Contains(t, tr.records(), key("gone"))
}

func TestASentWriteOfAGroupIsNotReportedAsRefused(t *testing.T) {
	t.Parallel()
	tr := newTraffic(t)
	tr.hold()
	done := tr.gather(put("a"), put("b"), put("c"))
	tr.proxy.Cut()
	for _, each := range append(tr.first, done...) {
		r := <-each
		require.Error(t, r.err)
		require.NotErrorIs(t, r.err, etcd.ErrRefused)
	}
	tr.proxy.Mend()
	require.Eventually(t, func() bool {
		_, ok, err := tr.log.CommitTogether(t.Context(), put("later"))
		return err == nil && ok
	}, deadline, tick, "the next group is not hurt")
}

func TestAWriteThatCannotBeEncryptedDoesNotAffectOthers(t *testing.T) {
	t.Parallel()
	keys := etcdtest.NewKeys("one")
	server := etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster", onlyBy(keys, "bundles.fleet.cattle.io"))
	keys.Fail(true)
	_, _, err := log.CommitTogether(t.Context(), etcd.Txn{Put: map[record.Key][]byte{record.ReportKey(record.Bundles, record.Name{Namespace: "ns", Name: "b"}): {}}})
	require.ErrorIs(t, err, etcd.ErrRefused)
	require.ErrorContains(t, err, "--encryption-provider-config")
	_, ok, err := log.CommitTogether(t.Context(), put("a"))
	require.NoError(t, err)
	require.True(t, ok)
}

func TestIfEtcdAcceptsNoLargeGroupsEachWriteIsSentAlone(t *testing.T) {
	t.Parallel()
	tr := newTraffic(t, func(c *embed.Config) { c.MaxTxnOps = 8 })
	tr.hold()
	done := tr.gather(many(20)...)
	tr.release()
	revisions := tr.written(done)
	slices.Sort(revisions)
	require.Len(t, slices.Compact(revisions), 20)
	require.Equal(t, []int{1, 1, 20}, tr.sizes.all())
	require.Len(t, tr.records(), 20+underWay)
}
