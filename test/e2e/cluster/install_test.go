// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

func TestMusterIsInstalledFromItsManifests(t *testing.T) {
	etcd := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	m := cluster.Install(t, control, etcd, cluster.Options{Replicas: 2, Args: []string{"--shutdown-delay-duration=1s"}})
	admin := control.Terminal(t, nil)

	t.Log("kube-apiserver sends requests to it")
	_, _, err := admin.Kubectl("create", "namespace", "team")
	require.NoError(t, err)
	admin.Stdin = `{"apiVersion":"fleet.cattle.io/v1alpha1","kind":"Cluster","metadata":{"name":"one","namespace":"team","labels":{"env":"test"}}}`
	_, _, err = admin.Kubectl("apply", "-f", "-")
	require.NoError(t, err)
	out, _, err := admin.Kubectl("get", "-n", "team", "clusters.fleet.cattle.io", "-o", "name")
	require.NoError(t, err)
	require.Equal(t, "cluster.fleet.cattle.io/one\n", out)
	stored, err := etcd.Ctl("get", "/muster", "--prefix", "--keys-only")
	require.NoError(t, err)
	require.Contains(t, stored, "/muster", "its data is in its own etcd")

	t.Log("a replica answers direct requests")
	require.Equal(t, "system:serviceaccount:muster-system:muster-apiserver", whoami(t, control.AsAccount(t, cluster.Namespace, cluster.ServerName)))
	reached(t, m)

	t.Log("a replica that is cut off from etcd gets no requests, and gets them again afterwards")
	first := m.Replicas()[0]
	first.Partition()
	require.Eventually(t, func() bool { return !first.Ready() }, time.Minute, 50*time.Millisecond)
	require.Equal(t, 1, m.Balancer.Ready())
	first.Mend()
	first.WaitReady(t)

	t.Log("a replica that was killed can be started again, and all can be replaced")
	first.Kill()
	first.Start(t)
	first.WaitReady(t)
	m.Roll(t)
	require.Len(t, m.Replicas(), 2)
	require.False(t, first.Process.Running())
	m.WaitAvailable(t)
	_, _, err = admin.Kubectl("get", "-n", "team", "clusters.fleet.cattle.io", "one")
	require.NoError(t, err)

	t.Log("without the APIService, the group is gone")
	_, _, err = admin.Kubectl("delete", "namespace", "team", "--timeout=50s")
	require.NoError(t, err)
	m.Unregister(t)
	_, _, err = admin.Kubectl("get", "clusters.fleet.cattle.io", "-A")
	require.Error(t, err)
}
