// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/freshness"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// TestAReplicaThatMeetsANewerRecordClosesItself checks that it does so while it runs and at
// its next start, and that the last published view remains.
func TestAReplicaThatMeetsANewerRecordClosesItself(t *testing.T) {
	t.Parallel()
	app1 := record.Name{Namespace: "fleet", Name: "app"}
	for name, written := range map[string]struct {
		key   record.Key
		value string
	}{
		"an object":       {record.ObjectKey(record.Bundles, app1), `{"v":2,"object":{}}`},
		"a report":        {record.ReportKey(record.BundleDeployments, record.Name{Namespace: "x", Name: "app"}), "\x03abc"},
		"pins":            {record.ClusterPinsKey(record.Name{Namespace: "fleet", Name: "c1"}), "\x02\x02abc"},
		"a guard":         {record.VersionsGuardKey(), `{"v":2}`},
		"a promotion":     {record.PromotionKey(app1), `{"v":3,"uid":""}`},
		"a base":          {record.RolloutKey(app1), `{"v":3,"uid":""}`},
		"a mirror":        {record.NamespaceKey("fleet"), `{"v":2}`},
		"an unknown type": {record.Key{Type: record.TypeGuard, Resource: "new", Name: app1}, `{"v":2}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, server := withDeadline(t), etcdtest.Start(t)
			log := etcd.New(server.Client, "/muster")
			e := running(ctx, t, log, 1000)
			save(ctx, t, e, onWith("c1", "x"), app("v1", false))
			before := barrier(ctx, t, e)
			_, err := server.Client.Put(ctx, "/muster/log/"+written.key.Path(), written.value)
			require.NoError(t, err)
			require.Eventually(t, func() bool { return e.Ready() != nil }, freshness.BehindAfter/2, time.Millisecond)
			require.ErrorIs(t, e.Ready(), record.ErrNewer)
			require.ErrorIs(t, e.Ready(), ErrNotReady)
			_, err = e.Plan(t.Context(), Proposal{Resource: record.Clusters, Name: nameOf(on("c1")), Object: recordOf(on("c1"))})
			require.ErrorIs(t, err, ErrNotReady)
			v, err := e.Current()
			require.NoError(t, err)
			require.Equal(t, shown(before), shown(v))

			again := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
			require.Eventually(t, func() bool { return again.newer() != nil }, freshness.BehindAfter/2, time.Millisecond)
			require.ErrorIs(t, again.Ready(), record.ErrNewer)
			_, err = again.Current()
			require.ErrorIs(t, err, ErrNotReady)
		})
	}
}

// TestANewerRecordOfThePastDoesNotHoldAStartUp covers an operator who went back to this
// version and restored the records.
func TestANewerRecordOfThePastDoesNotHoldAStartUp(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	save(ctx, t, e, onWith("c1", "x"), app("v1", false))
	want := shown(barrier(ctx, t, e))
	key := "/muster/log/" + record.VersionsGuardKey().Path()
	for _, value := range []string{`{"v":2}`, `{"v":1}`} {
		_, err := server.Client.Put(ctx, key, value)
		require.NoError(t, err)
	}
	again := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	require.Equal(t, want, shown(barrier(ctx, t, again)))
	require.Eventually(t, func() bool { return again.Ready() == nil }, freshness.BehindAfter/2, time.Millisecond)
}
