// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// TestAnUnreadableRecordHarmsNothingElse writes garbage into the log.
func TestAnUnreadableRecordHarmsNothingElse(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster")
	e := running(ctx, t, log, 1000)
	save(ctx, t, e, onWith("c1", "x"), on("c2"), app("v1", false))
	before := shown(barrier(ctx, t, e))
	paths := []string{
		"object/clusters/fleet/c1", "object/bundles/fleet/new", "report/clusters/fleet/c1", "pin/bundles/fleet/app", "pin/clusters/fleet/c1",
		"mirror/namespaces/-/fleet", "report/bundledeployments/x/y", "object/unknown/a/b", "nonsense", "more/nonsense", "object/policies/fleet/p",
	}
	for _, path := range paths {
		_, err := server.Client.Put(ctx, "/muster/log/"+path, "{garbage")
		require.NoError(t, err)
	}
	require.Equal(t, before, shown(barrier(ctx, t, e)))
	require.Equal(t, len(paths), e.Stats().UndecodableNow)
	save(ctx, t, e, onWith("c2", "z"), app("v2", false))
	require.Len(t, shown(barrier(ctx, t, e)), 2)

	// An operator who removes the records need not restart anything for the sweeps to
	// continue.
	for _, path := range paths {
		_, err := server.Client.Delete(ctx, "/muster/log/"+path)
		require.NoError(t, err)
	}
	barrier(ctx, t, e)
	require.Zero(t, e.Stats().UndecodableNow)
}

// TestAnUnreadableRecordKeepsItsLastMeaning overwrites each record on which a BundleDeployment
// depends.
func TestAnUnreadableRecordKeepsItsLastMeaning(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	save(ctx, t, e, onWith("c1", "x"), onWith("c2", "b"), app("v2", true))
	save(ctx, t, e, on("c2")) // its last content is pinned
	before := shown(barrier(ctx, t, e))
	require.Len(t, before, 2)
	records, err := server.Client.Get(ctx, "/muster/log/", clientv3.WithPrefix())
	require.NoError(t, err)
	pins := 0
	for _, kv := range records.Kvs {
		if path := string(kv.Key); strings.Contains(path, "/pin/") {
			pins++
		} else if strings.Contains(path, "/guard/") {
			continue // the revision is all that it says
		}
		_, err := server.Client.Put(ctx, string(kv.Key), "{garbage")
		require.NoError(t, err)
		v := barrier(ctx, t, e)
		require.Equal(t, before, shown(v), "%s took a BundleDeployment away", kv.Key)
		require.Zero(t, v.Whole, "what it was is known")
	}
	require.Positive(t, pins)

	// A writer writes a pin together with the fact that needs it. If only that writer can
	// read the pin, nothing is known.
	policy := &v1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet", Name: "p", UID: "p"}}
	_, err = server.Client.Txn(ctx).Then(
		clientv3.OpPut("/muster/log/object/policies/fleet/p", string(encoded(t, policy, 0).Value)),
		clientv3.OpPut("/muster/log/pin/bundles/fleet/unheard-of", "{garbage"),
	).Commit()
	require.NoError(t, err)
	v := barrier(ctx, t, e)
	require.EqualValues(t, view.Never, v.Whole)
	_, err = server.Client.Delete(ctx, "/muster/log/pin/bundles/fleet/unheard-of")
	require.NoError(t, err)
	v = barrier(ctx, t, e)
	require.Equal(t, v.Revision, v.Whole)
}

// TestAnObjectThatCanBeReadAgainHasItsReport covers a state that was loaded without the
// object, but with its report.
func TestAnObjectThatCanBeReadAgainHasItsReport(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster")
	e := running(ctx, t, log, 1000)
	c := on("c1")
	save(ctx, t, e, c, app("v1", false))
	status := &v1alpha1.Cluster{}
	status.Status.Namespace = "set-by-client"
	data, err := (&record.Report{UID: c.UID, Status: status}).Encode()
	require.NoError(t, err)
	key := record.ReportKey(record.Clusters, record.Name{Namespace: c.Namespace, Name: c.Name})
	_, ok, err := log.Commit(ctx, etcd.Txn{Put: map[record.Key][]byte{key: data}})
	require.NoError(t, err)
	require.True(t, ok)
	want := shown(barrier(ctx, t, e))
	require.Len(t, want, 1)
	for name := range want {
		require.Contains(t, name, "set-by-client")
	}

	const path = "/muster/log/object/clusters/fleet/c1"
	good, err := server.Client.Get(ctx, path)
	require.NoError(t, err)
	require.Len(t, good.Kvs, 1)
	bad, err := server.Client.Put(ctx, path, "{garbage")
	require.NoError(t, err)
	_, err = server.Client.Compact(ctx, bad.Header.Revision)
	require.NoError(t, err)
	again := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	v := barrier(ctx, t, again)
	require.EqualValues(t, view.Never, v.Whole)
	require.Len(t, v.Unread[record.Clusters], 1)
	mended, err := server.Client.Put(ctx, path, string(good.Kvs[0].Value))
	require.NoError(t, err)
	v = barrier(ctx, t, again)
	require.Equal(t, want, shown(v))
	require.Empty(t, v.Unread)
	require.Equal(t, mended.Header.Revision, v.ReadSince[record.Clusters])
}
