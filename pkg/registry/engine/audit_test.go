// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/audit"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// workload returns a Bundle with that name that targets all Clusters.
func workload(name string) *v1alpha1.Bundle {
	b := app("v1", false)
	b.Name, b.UID = name, types.UID(name)
	return b
}

// auditable returns an engine on an etcd with some Bundles on some Clusters.
func auditable(ctx context.Context, t *testing.T) *Engine {
	t.Helper()
	e := running(ctx, t, etcd.New(etcdtest.Start(t).Client, "/muster"), 1000)
	for i := range 4 {
		save(ctx, t, e, on(fmt.Sprint("c", i)))
	}
	save(ctx, t, e, workload("a"), workload("b"), workload("c"))
	return e
}

func TestAnAuditOfASoundStateFindsNothing(t *testing.T) {
	t.Parallel()
	ctx := withDeadline(t)
	e := auditable(ctx, t)
	revision := barrier(ctx, t, e).Revision
	require.NoError(t, e.Audit(ctx, 7))
	stats := e.Stats()
	require.EqualValues(t, 1, stats.Audits)
	require.EqualValues(t, 4*3+4+3, stats.Audited, "BundleDeployments, Clusters and Bundles")
	require.Zero(t, stats.Differences)
	require.Equal(t, revision, barrier(ctx, t, e).Revision, "it wrote nothing")
	require.NoError(t, e.Ready())
}

// TestAnAuditFindsFaultsAndRebuildsTheState plants faults: a BundleDeployment that vanished,
// one that should not exist, one with a wrong label.
func TestAnAuditFindsFaultsAndRebuildsTheState(t *testing.T) {
	t.Parallel()
	name := record.Name{Namespace: names.ClusterNamespace("fleet", "c1"), Name: "b"}
	for title, spoil := range map[string]func(b *view.Builder, at int64){
		"missing": func(b *view.Builder, _ int64) { b.Delete(record.BundleDeployments, name) },
		"there": func(b *view.Builder, at int64) {
			other := *b.Get(record.BundleDeployments, name).(*view.BundleDeployment)
			cluster := *other.Cluster
			cluster.Namespace, other.At = "stray", view.VersionAt(at)
			other.Cluster = &cluster
			b.Put(record.BundleDeployments, &other)
		},
		"wrong: ": func(b *view.Builder, at int64) {
			other := *b.Get(record.BundleDeployments, name).(*view.BundleDeployment)
			face := *other.Bundle
			face.Bundle = face.Bundle.DeepCopy()
			face.Bundle.Spec.Paused, other.At = true, view.VersionAt(at)
			other.Bundle = &face
			b.Put(record.BundleDeployments, &other)
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			ctx := withDeadline(t)
			e := auditable(ctx, t)
			before := shown(barrier(ctx, t, e))
			require.Contains(t, before, name.String())

			// Apply a revision wrongly.
			e.state.Lock()
			spoil(e.state.Tables(), e.state.Revision()+1)
			e.state.Unlock()
			save(ctx, t, e, on("c9"))
			spoilt := barrier(ctx, t, e)
			lost := e.pulse.Lost()
			require.NoError(t, e.Audit(ctx, 0))
			<-lost.Done() // readers must wait
			require.EqualValues(t, 1, e.Stats().Differences)

			require.Eventually(t, func() bool { return e.Ready() == nil }, deadline, time.Millisecond)
			v := barrier(ctx, t, e)
			after := shown(v)
			maps.DeleteFunc(after, func(name, _ string) bool { _, had := before[name]; return !had })
			require.Equal(t, before, after)
			require.Greater(t, v.Oldest, spoilt.Revision, "a client that has seen the fault lists again")
			require.Greater(t, v.Get(record.BundleDeployments, name).Version().Revision(), spoilt.Revision, "another content, another version")
			require.NoError(t, e.Audit(ctx, 0))
			require.EqualValues(t, 1, e.Stats().Differences)
		})
	}
}

// TestAFaultyStateIsNotServedEvenIfEtcdIsFull checks that a new state needs a new revision,
// and that this must wait.
func TestAFaultyStateIsNotServedEvenIfEtcdIsFull(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t, func(c *embed.Config) { c.QuotaBackendBytes = 4 << 20 })
	e := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	save(ctx, t, e, on("c1"), workload("a"))
	barrier(ctx, t, e) // so that there is a state to damage
	e.state.Lock()
	e.state.Tables().Delete(record.BundleDeployments, record.Name{Namespace: names.ClusterNamespace("fleet", "c1"), Name: "a"})
	e.state.Unlock()
	save(ctx, t, e, on("c9"))
	barrier(ctx, t, e)
	require.Eventually(t, func() bool {
		_, err := server.Client.Put(ctx, "/foreign", strings.Repeat("x", 1<<20))
		return err != nil
	}, deadline, time.Microsecond, "etcd is full")
	lost := e.pulse.Lost()
	require.NoError(t, e.Audit(ctx, 0))
	<-lost.Done()
	require.ErrorIs(t, e.Ready(), ErrDiffers)

	alarms, err := server.Client.AlarmList(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, alarms.Alarms)
	for _, alarm := range alarms.Alarms {
		present, err := server.Client.Get(ctx, "/foreign")
		require.NoError(t, err)
		_, err = server.Client.Compact(ctx, present.Header.Revision, clientv3.WithCompactPhysical()) // otherwise defragmenting may come before it
		require.NoError(t, err)
		_, err = server.Client.Defragment(ctx, server.Address())
		require.NoError(t, err)
		_, err = server.Client.AlarmDisarm(ctx, (*clientv3.AlarmMember)(alarm))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return e.Ready() == nil }, deadline, 10*time.Millisecond)
	require.NotNil(t, barrier(ctx, t, e).Get(record.BundleDeployments, record.Name{Namespace: names.ClusterNamespace("fleet", "c1"), Name: "a"}))
}

// TestAnAuditIsRefusedWhileARecordIsUndecodable covers a record that cannot be decoded: the
// state shows its last meaning, which the records no longer say.
func TestAnAuditIsRefusedWhileARecordIsUndecodable(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	e := running(ctx, t, etcd.New(server.Client, "/muster"), 1000)
	save(ctx, t, e, on("c1"), workload("a"))
	barrier(ctx, t, e)
	const path = "/muster/log/object/clusters/fleet/c1"
	good, err := server.Client.Get(ctx, path)
	require.NoError(t, err)
	_, err = server.Client.Put(ctx, path, "garbage")
	require.NoError(t, err)
	then := barrier(ctx, t, e)
	require.ErrorContains(t, e.Audit(ctx, 0), "cannot be decoded")

	// Repair the record after the audit has read the view, and before it reads the state.
	_, err = server.Client.Put(ctx, path, string(good.Kvs[0].Value))
	require.NoError(t, err)
	now := barrier(ctx, t, e)
	require.Zero(t, e.Stats().UndecodableNow)
	e.current.Store(then)
	require.ErrorContains(t, e.Audit(ctx, 0), "could not be decoded")
	e.current.Store(now)
	require.Zero(t, e.Stats().Differences)
	require.NoError(t, e.Ready())
}

func TestEachBundleIsInExactlyOneAuditShare(t *testing.T) {
	t.Parallel()
	for of := uint32(1); of < 9; of++ {
		for i := range 200 {
			n := 0
			for turn := range of {
				if (audit.Share{Turn: turn, Of: of}).Has(fmt.Sprint("bundle-", i)) {
					n++
				}
			}
			require.Equal(t, 1, n)
		}
	}
}
