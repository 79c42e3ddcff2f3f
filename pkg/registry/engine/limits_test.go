// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// maxTxnOps is how many operations etcd takes in a transaction by default.
const maxTxnOps = 128

// broken is a group of clusters, and a bundle whose template breaks on all of them
// when the group's label says so.
func broken(t *testing.T, clusters int) (s *story, breaks *v1alpha1.ClusterGroup) {
	s = &story{t, false, newChecker(t), newJournal()}
	group := func(templates string) *v1alpha1.ClusterGroup {
		g := &v1alpha1.ClusterGroup{ObjectMeta: metaOf("fleet", "all")}
		g.Labels = map[string]string{"templates": templates}
		g.Spec.Selector = &metav1.LabelSelector{}
		return g
	}
	target := func(templates string) v1alpha1.BundleTarget {
		return v1alpha1.BundleTarget{ClusterGroupSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"templates": templates}}}
	}
	templated := target("yes")
	templated.Helm = app("v1", true).Spec.Helm
	objects := []record.APIObject{group("no"), app("v1", false, target("no"), templated)}
	for i := range clusters {
		objects = append(objects, on(fmt.Sprint("c", i)))
	}
	for _, object := range objects {
		require.True(t, s.j.commit(nil, s.j.write(t, proposed(object, false))))
	}
	require.Len(t, s.deployed(), clusters)
	return s, group("yes")
}

func TestAGroupMayBreakAsManyClustersAsOneWriteCanPin(t *testing.T) {
	t.Parallel()
	s, breaks := broken(t, maxPinned)
	txn := s.j.write(t, proposed(breaks, false))
	require.LessOrEqual(t, len(txn.Put)+len(txn.Delete), maxTxnOps)
	s.write(breaks)
	require.Len(t, s.deployed(), maxPinned)
	require.Equal(t, maxPinned, s.pins())
}

func TestAGroupThatWouldBreakMoreIsRefusedWithTheWayOut(t *testing.T) {
	t.Parallel()
	s, breaks := broken(t, maxPinned+1)
	_, err := s.j.engine.Plan(context.Background(), proposed(breaks, false))
	require.ErrorContains(t, err, "on 101 Clusters at once")
	require.ErrorContains(t, err, "at most 100")
	require.ErrorContains(t, err, "mend the templates first")
}

func TestAWriteThatEndsManyBundleDeploymentsBuriesTheReportsOnAll(t *testing.T) {
	t.Parallel()
	s, breaks := broken(t, 2*maxPinned)
	breaks.Labels = nil
	txn := s.j.write(t, proposed(breaks, false))
	require.GreaterOrEqual(t, len(txn.Delete), 2*maxPinned)
	require.LessOrEqual(t, len(txn.Delete), etcd.MaxDeletes)
	require.True(t, s.j.commit(nil, txn))
	require.Empty(t, s.deployed())
}
