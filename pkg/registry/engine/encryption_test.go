// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/freshness"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// encryptedLog returns a log whose records are all encrypted with keys.
func encryptedLog(server *etcdtest.Server, keys *etcdtest.Keys) *etcd.Log {
	return etcd.New(server.Client, "/muster", etcd.EncryptedBy(func(string) etcd.Encryption { return keys }))
}

// TestAnEngineWithoutTheKeyIsNeverReady checks that it does not show an empty fleet, which
// agents would believe.
func TestAnEngineWithoutTheKeyIsNeverReady(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	known := running(ctx, t, encryptedLog(server, etcdtest.NewKeys("k1")), 1000)
	save(ctx, t, known, onWith("c1", "x"), app("v1", false))
	want := shown(barrier(ctx, t, known))
	require.NotEmpty(t, want)

	keys := etcdtest.NewKeys("k2")
	e := running(ctx, t, encryptedLog(server, keys), 1000)
	require.Never(t, func() bool {
		_, err := e.Current()
		return err == nil || e.Ready() == nil
	}, time.Second, 10*time.Millisecond)
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err := e.Barrier(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	keys.Use("k1")
	require.Equal(t, want, shown(barrier(ctx, t, e)))
}

// TestAnUndecryptableRevisionStopsTheView checks that the view stays where it is, and
// continues from there when the key is known.
func TestAnUndecryptableRevisionStopsTheView(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	keys := etcdtest.NewKeys("k1")
	e := running(ctx, t, encryptedLog(server, keys), 1000)
	save(ctx, t, e, onWith("c1", "x"), app("v1", false))
	old := barrier(ctx, t, e)

	ahead := running(ctx, t, encryptedLog(server, etcdtest.NewKeys("k2", "k1")), 1000)
	barrier(ctx, t, ahead)
	revision := save(ctx, t, ahead, on("c1"), app("v2", true))
	require.Eventually(t, func() bool { return e.Ready() != nil }, freshness.BehindAfter/2, 10*time.Millisecond, "it is not taken for busy")
	v, err := e.Current()
	require.NoError(t, err)
	require.Less(t, v.Revision, revision)
	require.Equal(t, shown(old), shown(v))

	keys.Use("k2", "k1")
	v, err = e.WaitFor(ctx, revision)
	require.NoError(t, err)
	require.Equal(t, shown(barrier(ctx, t, ahead)), shown(v))
	_, err = v.Since(old.Revision)
	require.NoError(t, err, "nothing was missed, so watchers continue")
	require.Eventually(t, func() bool { return e.Ready() == nil }, deadline, 10*time.Millisecond)
}

// TestHistoryUnderAnOldKeyDoesNotHoldAStartUp checks that the old key may be removed when
// nothing in the present needs it.
func TestHistoryUnderAnOldKeyDoesNotHoldAStartUp(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	keys := etcdtest.NewKeys("k1")
	e := running(ctx, t, encryptedLog(server, keys), 1000)
	save(ctx, t, e, onWith("c1", "x"), app("v1", false))
	keys.Use("k2", "k1")
	_, err := e.log.Reencrypt(ctx, func(etcd.Reencrypted) {})
	require.NoError(t, err)
	want := barrier(ctx, t, e)

	v := barrier(ctx, t, running(ctx, t, encryptedLog(server, etcdtest.NewKeys("k2")), 1000))
	require.Equal(t, shown(want), shown(v))
	require.GreaterOrEqual(t, v.Oldest, want.Revision)
}

// TestRotationOfKeysChangesNothingThatIsDerived checks that a rewritten record has a new
// revision, and so has its object, but no BundleDeployment.
func TestRotationOfKeysChangesNothingThatIsDerived(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	keys := etcdtest.NewKeys("k1")
	e := running(ctx, t, encryptedLog(server, keys), 1000)
	save(ctx, t, e, onWith("c1", "x"), on("c2"), app("v1", false))
	before := barrier(ctx, t, e)
	keys.Use("k2", "k1")
	done, err := e.log.Reencrypt(ctx, func(etcd.Reencrypted) {})
	require.NoError(t, err)
	require.Positive(t, done.Rewritten)

	after := barrier(ctx, t, e)
	revisions, err := after.Since(before.Revision)
	require.NoError(t, err)
	changed := 0
	for _, r := range revisions {
		require.Empty(t, r.Changes(record.BundleDeployments, "", ""))
		for _, resource := range allResources {
			for _, change := range r.Changes(resource, "", "") {
				changed++
				require.NotNil(t, change.Next)
				was, is := change.Prev.Render(), change.Next.Render()
				was.SetResourceVersion(is.GetResourceVersion())
				require.Equal(t, asJSON(t, was), asJSON(t, is))
			}
		}
	}
	require.Equal(t, 3, changed, "the Bundle and the Clusters")
}
