// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// noise returns a text of a number of bytes that compression makes hardly shorter.
func noise(seed uint64, bytes int) string {
	r := rand.New(rand.NewPCG(seed, seed))
	data := make([]byte, bytes*3/4)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return base64.StdEncoding.EncodeToString(data)
}

// broken makes a group of clusters, and a bundle whose template breaks on all of them if the
// group's label says so. Its values contain a number of bytes of noise.
func broken(t *testing.T, clusters, bytes int) (s *story, breaks *v1alpha1.ClusterGroup) {
	s = newStory(t)
	group := func(templates string) *v1alpha1.ClusterGroup {
		g := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("fleet", "all")}
		g.Labels = map[string]string{"templates": templates}
		g.Spec.Selector = &metav1.LabelSelector{}
		return g
	}
	target := func(templates string) v1alpha1.BundleTarget {
		return v1alpha1.BundleTarget{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroupSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"templates": templates}}}}
	}
	templated := target("yes")
	templated.Helm = app("v1", true).Spec.Helm
	b := app("v1", false, target("no"), templated)
	if bytes > 0 {
		b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"pad": noise(1, bytes)}}}
	}
	objects := []record.APIObject{group("no"), b}
	for i := range clusters {
		objects = append(objects, on(fmt.Sprint("c", i)))
	}
	for _, object := range objects {
		require.True(t, s.j.commit(nil, s.j.write(t, proposed(object, false))))
	}
	require.Len(t, s.deployed(), clusters)
	return s, group("yes")
}

func TestAGroupMayBreakAnyNumberOfClustersInOneWrite(t *testing.T) {
	t.Parallel()
	const clusters = 300
	s, breaks := broken(t, clusters, 0)
	before := s.deployed()
	s.write(breaks)
	require.Equal(t, before, s.deployed())
	require.Equal(t, clusters, s.pins())
	breaks.Labels["templates"] = "no"
	s.write(breaks) // and then all are removed again
	require.Equal(t, before, s.deployed())
	require.Zero(t, s.pins())
}

// TestPinsThatAreTooLargeForOneWriteGoBeforeIt checks that they are written in steps, which
// change nothing.
func TestPinsThatAreTooLargeForOneWriteGoBeforeIt(t *testing.T) {
	t.Parallel()
	const clusters = 14
	s, breaks := broken(t, clusters, 300<<10)
	before := s.deployed()
	steps := s.stepsBefore(proposed(breaks, false), func(txn *etcd.Txn) {
		require.True(t, s.j.commit(nil, txn))
		require.Equal(t, before, s.deployed())
	})
	require.GreaterOrEqual(t, steps, 2)
	// A crash here leaves unused pins: the clusters may change.
	other := onWith("c0", "x")
	s.write(other)
	require.Equal(t, before, s.deployed())
	s.write(breaks)
	before["c0"] = "v1 x"
	require.Equal(t, before, s.deployed())
}

func TestAWriteThatEndsManyBundleDeploymentsDeletesTheirReports(t *testing.T) {
	t.Parallel()
	const clusters = 2000
	s, breaks := broken(t, clusters, 0)
	breaks.Labels = nil
	txn := s.j.write(t, proposed(breaks, false))
	require.GreaterOrEqual(t, len(txn.Delete), clusters)
	require.True(t, s.j.commit(nil, txn))
	require.Empty(t, s.deployed())
}

// TestAWriteThatIsTooLargeIsRefusedWithoutPriorWrites checks that the write is refused for its
// size, and that nothing is written before it.
func TestAWriteThatIsTooLargeIsRefusedWithoutPriorWrites(t *testing.T) {
	t.Parallel()
	s, breaks := broken(t, 3, 4<<10)
	p := proposed(breaks, false)
	p.Size = etcd.MaxSize
	plan, err := s.j.planner.Plan(t.Context(), p)
	require.NoError(t, err)
	require.Empty(t, plan.First)
	require.Greater(t, plan.Size()+p.Size, etcd.MaxSize)
}
