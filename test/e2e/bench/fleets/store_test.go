// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleets

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestEveryReportIsARecordThatTheServerDecodes(t *testing.T) {
	t.Parallel()
	r := &Reporter{DeploymentID: func(p Pair) string { return fmt.Sprint("id-", p.Bundle) }}
	txn := etcd.Txn{Put: map[record.Key][]byte{}}
	uids := map[string]bool{}
	for i := range 20 {
		require.NoError(t, r.Put(&txn, Pair{Bundle: i % 4, Cluster: i / 4}, i%2 == 0))
	}
	require.Len(t, txn.Put, 20, "all have names of their own")
	for key, value := range txn.Put {
		got, err := record.DecodeReport(key.Resource, value)
		require.NoError(t, err)
		uids[string(got.UID)] = true
		status := got.Status.(*v1alpha1.BundleDeployment).Status
		require.Contains(t, status.AppliedDeploymentID, "id-")
		require.Equal(t, status.Ready, len(status.NonReadyStatus) == 0)
		require.Len(t, status.Resources, 3)
	}
	require.Len(t, uids, 20, "each is on a BundleDeployment of its own")
}

func TestEveryObjectIsARecordThatTheServerDecodes(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Fleet{
		"original": Original(2, 3, 2), "all": All(3, 2, 1), "many": Many(1, 2, 3), "grouped": Grouped(2, 2), "ringed": Ringed(1, 11), "excluding": Excluding(2, 2),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			txn := etcd.Txn{Put: map[record.Key][]byte{}}
			objects := 0
			uids := map[string]bool{}
			for object := range f.Objects {
				objects++
				uids[string(object.GetUID())] = true
				require.Len(t, object.GetUID(), 36)
				require.NoError(t, Put(&txn, object))
			}
			require.Len(t, txn.Put, objects, "all have names of their own")
			require.Len(t, uids, objects)
			for key, value := range txn.Put {
				got, err := record.DecodeObject(key.Resource, value)
				require.NoError(t, err)
				require.Equal(t, key.Name.Name, got.Object.GetName())
			}
		})
	}
}
