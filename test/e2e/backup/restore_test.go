// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// TestAFleetIsRestoredFromASnapshot follows backup.md, with replicas and agents that
// know nothing about it.
func TestAFleetIsRestoredFromASnapshot(t *testing.T) {
	const members = 3
	etcd := cluster.StartEtcd(t, members, cluster.EtcdOptions{})
	muster := cluster.Install(t, control, etcd, cluster.Options{Replicas: 3, Args: []string{"--shutdown-delay-duration=1s"}})
	f := newFleet(t, "restored", control.Config)
	agents := startAgents(t, control.Config, f.homes)
	o := cluster.NewOperator(t, control, muster, etcd)

	t.Log("a snapshot is saved while the fleet is edited")
	stop := f.editing(t, 2)
	revision := o.Save(t)
	n := stop()
	want := stateAt(t, control.Config, view.VersionAt(revision).String())
	require.GreaterOrEqual(t, len(want.deployments()), 3*clusters)

	t.Log("many edits follow the snapshot")
	for range 6 {
		f.edits(t, n)
		n++
	}
	api := f.client.FleetV1alpha1()
	require.NoError(t, api.Bundles(f.namespace).Delete(t.Context(), "templated", metav1.DeleteOptions{}))
	_, err := api.Bundles(f.namespace).Create(t.Context(), newBundle(f.namespace, "late", "plain", nil), metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = api.Bundles(f.namespace).Patch(t.Context(), "sometimes", "application/merge-patch+json", []byte(`{"spec":{"helm":{"values":{"edit":"late"}}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	last, err := dynamicClient(t, control.Config).Resource(resource("bundledeployments")).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	lost := stateAt(t, control.Config, "")
	agents.converge(t, lost)
	agents.forget()

	t.Log("etcd is lost and restored: replicas remain closed, and agents see nothing")
	o.WaitRecorded(t)
	bump := o.Bump(t)
	o.Lose(t)
	o.Restore(t, cluster.Step(t, page, "restore"), "restore-1", bump)
	awaitClosed(t, muster)
	expected := actions(t, lost, want)
	require.Contains(t, expected, "uninstall ")
	require.Contains(t, expected, "change ")
	require.Contains(t, expected, "install "+f.homes[0]+"/templated")
	for _, r := range muster.Replicas() {
		require.Equal(t, expected, o.Look(t, "look", r), "%s", r.Name)
	}
	require.Equal(t, lost.deployments(), agents.know(), "agents get no events")

	t.Log("an operator opens them: replicas and agents recover by themselves")
	o.Open(t)
	for _, r := range muster.Replicas() {
		r.WaitReady(t)
		require.Equal(t, want, stateAt(t, r.Direct(control.Config), ""), "%s", r.Name)
	}
	o.Step(t, page, "look-again")
	muster.WaitAvailable(t)
	agents.converge(t, want)

	t.Log("no agent saw a deletion of an object that exists before and after, and nothing went backwards")
	gone, backwards := agents.seen()
	require.Empty(t, backwards)
	for _, key := range gone {
		require.NotContains(t, want, "bundledeployments "+key, "an agent saw its deletion, and would have uninstalled it")
	}
	require.NotEmpty(t, gone, "objects that only the lost state had are gone")

	t.Log("a watch from a lost revision gets an error")
	for _, r := range muster.Replicas() {
		for _, old := range []string{view.VersionAt(revision).String(), last.GetResourceVersion()} {
			require.Eventually(t, func() bool {
				err := watchFrom(t, r.Direct(control.Config), old)
				return apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
			}, within, every, "%s, from %s", r.Name, old)
		}
	}

	t.Log("edits continue")
	f.edits(t, n)
	now := stateAt(t, control.Config, "")
	require.NotEqual(t, want, now)
	agents.converge(t, now)

	t.Log("restored once more from the same snapshot: no revision is given out twice")
	again, err := dynamicClient(t, control.Config).Resource(resource("bundledeployments")).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	o.WaitRecorded(t)
	higher := o.Bump(t)
	require.NotEqual(t, bump, higher)
	o.Lose(t)
	o.Restore(t, cluster.Step(t, page, "restore"), "restore-2", higher)
	awaitClosed(t, muster)
	require.Equal(t, actions(t, now, want), o.Look(t, "look", muster.Replicas()[0]))
	o.Open(t)
	muster.WaitReady(t)
	o.Step(t, page, "look-again")
	muster.WaitAvailable(t)
	agents.converge(t, want)
	for _, old := range []string{last.GetResourceVersion(), again.GetResourceVersion()} {
		require.Eventually(t, func() bool {
			err := watchFrom(t, control.Config, old)
			return apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
		}, within, every, "from %s", old)
	}
}

// TestAnEtcdThatWentBackInTimeIsRefused shows why the restore needs its arguments. Without
// them, replicas become unready, say what to do, also if they start after the restore, and
// recover once it is done.
func TestAnEtcdThatWentBackInTimeIsRefused(t *testing.T) {
	const token = "the-token-of-both"
	etcd := cluster.StartEtcd(t, 1, cluster.EtcdOptions{Args: []string{"--initial-cluster-token", token}})
	muster := cluster.Install(t, control, etcd, cluster.Options{Replicas: 2, Args: []string{"--shutdown-delay-duration=1s"}})
	f := newFleet(t, "rewound", control.Config)
	agents := startAgents(t, control.Config, f.homes)
	o := cluster.NewOperator(t, control, muster, etcd)
	revision := o.Save(t)
	want := stateAt(t, control.Config, view.VersionAt(revision).String())
	for n := range 4 {
		f.edits(t, n+2)
	}
	lost := stateAt(t, control.Config, "")
	agents.converge(t, lost)
	agents.forget()

	t.Log("restored with the old token, and without the bump")
	script := cluster.Step(t, page, "restore")
	careless := strings.Replace(script, `--bump-revision "$BUMP" --mark-compacted`, "", 1)
	require.NotEqual(t, script, careless)
	o.WaitRecorded(t)
	bump := o.Bump(t)
	o.Lose(t)
	o.Restore(t, careless, token, "")
	for _, r := range muster.Replicas() {
		// Otherwise it serves the lost state as if nothing had happened.
		poll.Eventually(t, within, func(ctx context.Context) error { return refuses(ctx, r, "--bump-revision") }, r.Process.Tail)
		require.Eventually(t, func() bool { return !r.Ready() }, within, every)
		require.Contains(t, r.Process.Log(), "etcd went back in time")
	}
	require.Equal(t, lost.deployments(), agents.know(), "agents get no events")

	t.Log("replicas that start now are refused as well")
	for _, r := range muster.Replicas() {
		before := strings.Count(r.Process.Log(), "etcd went back in time")
		r.Process.Kill()
		r.Start(t)
		require.Eventually(t, func() bool { return strings.Count(r.Process.Log(), "etcd went back in time") > before }, within, every)
		require.False(t, r.Ready())
	}
	require.Equal(t, lost.deployments(), agents.know(), "agents get no events")

	t.Log("restored with a bump that leaves no room for resourceVersions")
	o.Lose(t)
	o.Restore(t, script, "restore-too-far", strconv.FormatInt(view.MaxRevision, 10))
	for _, r := range muster.Replicas() {
		require.Eventually(t, func() bool {
			return strings.Contains(r.Process.Log(), "with a smaller --bump-revision")
		}, within, every, "%s does not say why it cannot serve", r.Name)
		require.False(t, r.Ready())
	}
	require.Equal(t, lost.deployments(), agents.know(), "agents get no events")

	t.Log("restored again, as on the page")
	o.Lose(t)
	o.Restore(t, script, "restore-2", bump)
	awaitClosed(t, muster)
	o.Open(t)
	for _, r := range muster.Replicas() {
		r.WaitReady(t)
		require.Equal(t, want, stateAt(t, r.Direct(control.Config), ""), "%s", r.Name)
	}
	o.Step(t, page, "look-again")
	muster.WaitAvailable(t)
	agents.converge(t, want)
	gone, backwards := agents.seen()
	require.Empty(t, backwards)
	for _, key := range gone {
		require.NotContains(t, want, "bundledeployments "+key)
	}

	t.Log("after the Lease is deleted, an empty etcd is served")
	o.Lose(t)
	require.NoError(t, etcd.Member(0).Start())
	require.NoError(t, etcd.WaitReady(t.Context(), 0))
	for _, r := range muster.Replicas() {
		require.Eventually(t, func() bool { return !r.Ready() }, within, every)
	}
	o.Run(t, "kubectl -n muster-system delete lease muster-etcd") // test/e2e/pages runs the page's whole step
	for _, r := range muster.Replicas() {
		r.Process.Kill() // as the Deployment replaces its Pods
		r.Start(t)
	}
	muster.WaitReady(t)
	require.Empty(t, stateAt(t, muster.Replicas()[0].Direct(control.Config), ""))
}
