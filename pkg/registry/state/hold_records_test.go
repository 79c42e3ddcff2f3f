// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// TestRecordsBeyondOneWriteAreWrittenBeforehand sets a second base while many clusters are
// paused.
func TestRecordsBeyondOneWriteAreWrittenBeforehand(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	const clusters = 8
	padded := func(b *v1alpha1.Bundle) *v1alpha1.Bundle {
		b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"pad": noise(uint64(b.Generation), 300<<10)}}}
		return b
	}
	var running, pausing []record.APIObject
	for i := range clusters {
		running = append(running, on(fmt.Sprintf("c%03d", i)))
		pausing = append(pausing, pausedCluster(on(fmt.Sprintf("c%03d", i))))
	}
	s.commit(putting(t, running...))
	s.write(padded(app("v1", false)))
	s.commit(putting(t, pausing[:clusters-1]...))
	s.write(padded(app("v2", false)))
	before := s.promoted()
	require.Equal(t, "v1>v2", before["c000"])

	p := proposed(limited(padded(app("v3", false))), false)
	require.Positive(t, s.stepsBefore(p, func(txn *etcd.Txn) {
		s.commit(txn)
		require.Equal(t, before, s.promoted(), "what goes before changes nothing")
	}))
	s.propose(p)
	require.Equal(t, before, s.promoted())
}

// TestALabelEditWritesNoMoreThanItsObject checks that, unless something is held.
func TestALabelEditWritesNoMoreThanItsObject(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.write(onWith("c1", "x"), app("v1", true), bundleOf("other", where("on", "yes")))
	for _, c := range []*v1alpha1.Cluster{onWith("c1", "z"), clusterOf("c1", nil), pausedCluster(onWith("c1", "x"))} {
		plan, err := s.j.planner.Plan(t.Context(), proposed(c, false))
		require.NoError(t, err)
		require.Empty(t, plan.First)
		require.Empty(t, plan.Put)
	}
	s.write(limited(app("v2", true)))
	plan, err := s.j.planner.Plan(t.Context(), proposed(clusterOf("c1", nil), false))
	require.NoError(t, err)
	require.Equal(t, []record.Key{record.RolloutGuardKey(theApp)}, slices.Collect(maps.Keys(plan.Put)), "a cluster that leaves makes a percentage smaller")
}

func TestContentIsInUseAsLongAsSomethingRefersToIt(t *testing.T) {
	runStory(t, func(s *story) {
		content := func(b *v1alpha1.Bundle, id string) {
			r := recordOf(b)
			r.Content = id
			s.propose(Proposal{Resource: record.Bundles, Name: nameOf(b), Object: r})
		}
		used := func() string {
			return strings.Join(slices.Sorted(maps.Keys(s.j.state.ContentsInUse())), " ")
		}
		s.write(on("c1"))
		content(app("v1", false), "s-1")
		content(limited(app("v2", false)), "s-2")
		require.Equal(t, "s-1 s-2", used(), "the base")
		s.step()
		s.step()
		require.Equal(t, "s-1 s-2", used(), "the promotion")
		s.step()
		require.Equal(t, onClusters{"c1": "v2"}, s.promoted())
		require.Equal(t, "s-2", used())
		content(app("v3", true), "s-3")
		require.Equal(t, "s-2 s-3", used(), "the last that worked")
	})
}

func TestABadRolloutRecordRemovesNoDeployment(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.write(on("c1"), app("v1", false), limited(app("v2", false)))
	key := record.PromotionKey(appOnC1)
	for name, txn := range map[string]map[record.Key][]byte{
		"a promotion that cannot be read":  {key: []byte("{")},
		"a base that is no Bundle":         {record.RolloutKey(theApp): []byte(`{"uid":"uid-of-fleet-app","base":[]}`)},
		"a rollout record without meaning": {record.RolloutKey(theApp): []byte(`[]`)},
	} {
		require.True(t, s.j.commit(nil, &etcd.Txn{Put: txn}), name)
		require.Len(t, s.promoted(), 1, name)
	}
	var out map[string]any
	require.Error(t, json.Unmarshal([]byte(s.j.records[key].value), &out))
}

func TestAnUnreadablePromotionKeepsItsLastMeaning(t *testing.T) {
	t.Parallel()
	s := newStory(t)
	s.write(on("c1"), limited(app("v1", false)))
	require.Equal(t, 1, s.step())
	require.Equal(t, onClusters{"c1": "v1"}, s.promoted())
	key := record.PromotionKey(appOnC1)
	for range 2 {
		require.True(t, s.j.commit(nil, &etcd.Txn{Put: map[record.Key][]byte{key: []byte("{")}}))
		require.Equal(t, onClusters{"c1": "v1"}, s.promoted(), "the agent uninstalls nothing")
	}
	_, unused := s.j.state.unused(key)
	require.False(t, unused)
	v2 := proposed(limited(app("v2", false)), false)
	require.True(t, s.j.commit(nil, s.j.write(t, v2)))
	require.Equal(t, onClusters{"c1": "v1"}, s.promoted())
	s.rollOut() // a pass replaces it
	require.Equal(t, onClusters{"c1": "v2"}, s.promoted())
	require.Zero(t, s.j.state.undecodable.Len())
}
