// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
)

// endOfBase returns the transaction with which the controller drops the app's base, nil if
// something must be recorded before.
func (s *story) endOfBase() *etcd.Txn {
	in := s.input()
	if !in.HasBase || len(rollout.Materialize(in)) > 0 {
		return nil
	}
	txn := &etcd.Txn{Unchanged: in.Guards, Put: map[record.Key][]byte{}}
	put(s.t, txn, record.RolloutKey(theApp), record.Rollout{UID: in.UID})
	maps.Copy(txn.Unchanged, in.Contested)
	return txn
}

// TestABaseEndsOnlyIfNothingNewFollowsFromIt commits an edit between the decision to drop the
// base and the write. An edit that makes something follow from the base refuses the write.
// Other edits do not, or a base would never end where Clusters are edited all the time.
func TestABaseEndsOnlyIfNothingNewFollowsFromIt(t *testing.T) {
	staging := where("stage", "yes")
	unlabelled := clusterOf("c2", nil)
	staged := clusterOf("c2", map[string]string{"on": "yes", "stage": "yes"})
	for name, c := range map[string]struct {
		given []record.APIObject
		edit  record.APIObject
		free  bool
	}{
		"a label that selects nothing": {
			given: []record.APIObject{on("c1"), app("v1", false), limited(app("v2", false))},
			edit:  onWith("c1", "x"), free: true,
		},
		"a cluster that is not targeted arrives": {
			given: []record.APIObject{on("c1"), app("v1", false), limited(app("v2", false))},
			edit:  unlabelled, free: true,
		},
		"a cluster is targeted for the first time, of a limited Bundle": {
			given: []record.APIObject{on("c1"), unlabelled, app("v1", false), limited(app("v2", false))},
			edit:  on("c2"),
		},
		"a cluster that is targeted arrives, of a limited Bundle": {
			given: []record.APIObject{on("c1"), app("v1", false), limited(app("v2", false))},
			edit:  on("c2"),
		},
		"a cluster is targeted for the first time, of a paused Bundle": {
			given: []record.APIObject{on("c1"), unlabelled, app("v1", false), paused(app("v2", false))},
			edit:  on("c2"),
		},
		"a paused cluster that is targeted arrives": {
			given: []record.APIObject{on("c1"), app("v1", false), pausedCluster(on("c1")), app("v2", false)},
			edit:  pausedCluster(on("c2")),
		},
		"a cluster that is targeted is paused": {
			given: []record.APIObject{on("c1"), on("c2"), app("v1", false), pausedCluster(on("c1")), app("v2", false)},
			edit:  pausedCluster(on("c2")),
		},
		"the base starts to target a cluster that the version targets": {
			given: []record.APIObject{on("c1"), app("v1", false, staging), limited(app("v2", false, where("on", "yes"))), on("c2")},
			edit:  staged,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			s.write(c.given...)
			require.True(t, s.input().HasBase)
			var end *etcd.Txn
			for end = s.endOfBase(); end == nil; end = s.endOfBase() {
				s.step()
			}
			s.write(c.edit)
			before := s.promoted()
			require.Equal(t, c.free, s.j.commit(nil, end))
			if s.input().HasBase {
				for end = s.endOfBase(); end == nil; end = s.endOfBase() {
					s.step()
				}
				s.commit(end)
			}
			require.Equal(t, before, s.promoted(), "nothing is lost with the base")
		})
	}
}

// TestABaseEndsOnlyWhileAContestedNameHasItsHolder deletes the holder meanwhile: the other
// claim then shows what follows from the base.
func TestABaseEndsOnlyWhileAContestedNameHasItsHolder(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	other := ofOther(app("v1", false))
	s.write(on("c1"), mappingOfOther(), other, app("v1", false), limited(app("v2", false)))
	require.True(t, s.input().HasBase)
	end := s.endOfBase()
	require.NotNil(t, end)
	s.delete(other)
	require.Equal(t, onClusters{"c1": "v1"}, s.promoted())
	require.False(t, s.j.commit(nil, end))
	s.step()
	s.step()
	require.Equal(t, onClusters{"c1": "v1"}, s.promoted())
	require.False(t, s.input().HasBase)
}
