// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// quick makes replicas exit soon after SIGTERM: the Service of the tests notices after a
// quarter of a second.
const quick = "--shutdown-delay-duration=2s"

func install(t *testing.T, members int, options cluster.EtcdOptions, more cluster.Options) (*cluster.Muster, *cluster.Etcd) {
	t.Helper()
	etcd := cluster.StartEtcd(t, members, options)
	more.Args = append([]string{quick}, more.Args...)
	return cluster.Install(t, control, etcd, more), etcd
}

// A control plane has one installation at a time, so the tests of the usual one, three
// replicas on three members of etcd, take turns.
func TestThreeReplicasOnThreeMembersOfEtcd(t *testing.T) {
	m, etcd := install(t, 3, cluster.EtcdOptions{}, cluster.Options{Components: []string{"controller"}})
	require.Len(t, m.Replicas(), 3)
	for _, each := range []struct {
		name string
		test func(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd)
	}{
		{"every other replica shows what a label edit did", testReadYourWrites},
		{"clients do not notice that replicas are replaced and restarted", testRoll},
		{"clients do not notice a rollback to the version before and an upgrade", testRollback},
		{"a replica that is killed costs no direct read", testKilledReplica},
		{"a replica without etcd serves nothing wrong", testPartition},
		{"readers do not notice a killed leader of etcd", testKilledLeader},
		{"a member of etcd may be away for long", testLostMember},
		{"without a quorum of etcd everything waits and nothing is wrong", testLostQuorum},
		{"acknowledged reports survive the kill of anything", testReportsSurvive},
		{"an orderly stop logs no error", testStop},
		{"certificates are renewed without a restart", testCertificates},
		{"kine is refused before any answer", testKine},
	} {
		t.Run(each.name, func(t *testing.T) { each.test(t, m, etcd) })
		m.WaitReady(t)
		m.WaitAvailable(t)
	}
}

func testRoll(t *testing.T, m *cluster.Muster, _ *cluster.Etcd) {
	l := startLoad(t, m, newFleet(t, "roll", control.Config))
	for round := range *rounds {
		if round%2 == 0 {
			m.Roll(t)
		} else {
			for _, r := range m.Replicas() {
				r.Stop(t)
				r.Start(t)
				r.WaitReady(t)
			}
		}
		l.waitProgress(t, 3)
	}
	l.finish(t, m, "rolling restart")
	for _, each := range l.followers {
		require.Zero(t, each.counts().broken, "%s: a response broke off", each.name)
	}
}

// versionBefore is the commit that replicas are rolled back to: the last one before the
// packages were split. A change of what is stored moves it.
const versionBefore = "57cc4cd1ba6f3baf9e273b705fd71bd6e34656a7"

// testRollback rolls all replicas back to an earlier version and forward again, so both
// read what the other wrote, while both serve.
func testRollback(t *testing.T, m *cluster.Muster, _ *cluster.Etcd) {
	before, err := cluster.BinaryOf(t, versionBefore)
	if errors.Is(err, cluster.ErrNoHistory) {
		t.Log(err, "; a clone with its history runs this test")
		return
	}
	require.NoError(t, err)
	l := startLoad(t, m, newFleet(t, "rollback", control.Config))
	for _, binary := range []string{before, cluster.Built(t, cluster.ServerName)} {
		m.Use(binary)
		m.Roll(t)
		l.waitProgress(t, 5)
	}
	l.finish(t, m, "rollback and upgrade")
	for _, each := range l.followers {
		require.Zero(t, each.counts().broken, "%s: a response broke off", each.name)
	}
}

// client-go does not retry these by itself: kube-apiserver answers 503 without Retry-After
// if a request was in flight to a replica that is gone, or if it got a connection to one.
const proxyFailed = "aggregated"

func testKilledReplica(t *testing.T, m *cluster.Muster, _ *cluster.Etcd) {
	l := startLoad(t, m, newFleet(t, "kill", control.Config))
	for round := range *rounds {
		all := m.Replicas()
		r := all[round%len(all)]
		r.Kill()
		l.waitProgress(t, 5)
		r.Start(t)
		r.WaitReady(t)
		l.waitProgress(t, 3)
	}
	l.finish(t, m, "replica killed", proxyFailed)
}

func loads(t *testing.T, m *cluster.Muster) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, r := range m.Replicas() {
		out[r.Name] = metric(t, r.Direct(control.Config), "muster_loads_total")
	}
	return out
}

// losses returns how often each replica has become unready.
func losses(m *cluster.Muster) map[string]int {
	out := map[string]int{}
	for _, r := range m.Replicas() {
		out[r.Name] = strings.Count(r.Process.Log(), `"Not ready any more"`)
	}
	return out
}

func testKilledLeader(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd) {
	before, lost := loads(t, m), losses(m)
	l := startLoad(t, m, newFleet(t, "leader", control.Config))
	for range *rounds {
		leader := etcd.Leader(t)
		etcd.Member(leader).Kill()
		l.waitProgress(t, 5)
		etcd.Start(t, leader)
		l.waitProgress(t, 3)
	}
	l.finish(t, m, "etcd leader killed")
	require.Equal(t, before, loads(t, m), "an engine has loaded everything again")
	require.Equal(t, lost, losses(m), "an election has made a replica unready")
}

func testLostMember(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd) {
	before := loads(t, m)
	l := startLoad(t, m, newFleet(t, "member", control.Config))
	lost := (etcd.Leader(t) + 1) % 3
	etcd.Member(lost).Kill()
	l.waitProgress(t, 30)
	for _, r := range m.Replicas() {
		require.True(t, r.Ready(), r.Name)
	}
	etcd.Start(t, lost)
	l.waitProgress(t, 3)
	l.finish(t, m, "etcd member lost")
	require.Equal(t, before, loads(t, m), "an engine has loaded everything again")
}

// writes returns how many writes of Clusters had each result, over all replicas.
func writes(t *testing.T, m *cluster.Muster) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, r := range m.Replicas() {
		for _, result := range []string{"committed", "failed", "unready"} {
			out[result] += metric(t, r.Direct(control.Config), `muster_writes_total{resource="clusters",result="`+result+`"}`)
		}
	}
	return out
}

func testLostQuorum(t *testing.T, m *cluster.Muster, etcd *cluster.Etcd) {
	l := startLoad(t, m, newFleet(t, "quorum", control.Config))
	before := writes(t, m)
	leader := etcd.Leader(t)
	other := (leader + 1) % 3
	etcd.Member(leader).Kill()
	etcd.Member(other).Kill()
	t.Cleanup(func() {
		_ = etcd.Member(leader).Start() // it runs already, unless the test failed
		_ = etcd.Member(other).Start()
	})
	for _, r := range m.Replicas() {
		waitLost(t, r)
		refusesAll(t, r, l.fleet)
	}
	after := writes(t, m)
	for _, result := range []string{"failed", "unready"} {
		require.Greater(t, after[result], before[result], "writes without a quorum are not counted as %s", result)
	}
	require.NoError(t, etcd.Member(leader).Start())
	require.NoError(t, etcd.Member(other).Start())
	require.NoError(t, etcd.WaitReady(t.Context(), leader))
	require.NoError(t, etcd.WaitReady(t.Context(), other))
	m.WaitReady(t)
	m.WaitAvailable(t)
	l.waitProgress(t, 3)
	l.finish(t, m, "etcd quorum lost", "") // reads fail while no replica is sure
}
