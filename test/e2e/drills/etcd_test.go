// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func killLeader(t *testing.T, s *scene, p *playing) {
	leader := s.etcd.Leader(t)
	p.begins()
	s.etcd.Member(leader).Kill()
	s.load.waitProgress(t, 15)
	s.etcd.Start(t, leader)
}

func killMajority(t *testing.T, s *scene, p *playing) {
	leader := s.etcd.Leader(t)
	lost := []int{leader, other(leader)}
	p.begins()
	for _, member := range lost {
		s.etcd.Member(member).Kill()
	}
	s.monitor.fires(t, "MusterDown")
	s.hasten(t)
	s.monitor.fires(t, "MusterAPIServiceUnavailable")
	s.monitor.holds(t, "MusterReplicaUnready")
	p.repaired()
	for _, member := range lost {
		require.NoError(t, s.etcd.Member(member).Start())
	}
	for _, member := range lost {
		require.NoError(t, s.etcd.WaitReady(t.Context(), member))
	}
	s.muster.WaitReady(t)
	s.hasten(t)
}

func fillEtcd(t *testing.T, s *scene, p *playing) {
	p.begins()
	s.etcd.Fill(t)
	s.monitor.fires(t, "MusterWritesFail")
	s.monitor.fires(t, "MusterEtcdFull")
	s.monitor.holds(t, "MusterEtcdAlmostFull")
	full := time.Now()
	s.operator.MakeRoom(t)
	p.repaired()
	for _, each := range s.load.since(p.fault) {
		if verb := s.load.asks[each.ask].verb; verb != "PATCH" && each.begin.Before(full) {
			require.Empty(t, each.outcome.failure, "%s failed in a full etcd", verb)
		}
	}
	s.monitor.ends(t, "MusterEtcdFull")
	s.monitor.ends(t, "MusterEtcdAlmostFull")
}

// damageRecord overwrites the record of a Cluster of another workspace, and puts it back.
func damageRecord(t *testing.T, s *scene, p *playing) {
	newFleet(t, "damaged", 1, 1)
	client := s.etcd.Client(t)
	key := "/muster/log/object/clusters/damaged/" + clusterName(0)
	was, err := client.Get(t.Context(), key)
	require.NoError(t, err)
	require.Len(t, was.Kvs, 1, "the record has another key")
	p.begins()
	_, err = client.Put(t.Context(), key, "not a record")
	require.NoError(t, err)
	s.monitor.holds(t, "MusterUndecodableRecords")
	_, err = client.Put(t.Context(), key, string(was.Kvs[0].Value))
	require.NoError(t, err)
	s.load.waitProgress(t, 5)
}
