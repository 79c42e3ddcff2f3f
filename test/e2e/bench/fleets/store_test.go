// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleets

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestEveryObjectIsARecordThatTheServerDecodes(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Fleet{
		"original": Original(2, 3, 2), "all": All(3, 2, 1), "many": Many(1, 2, 3), "grouped": Grouped(2, 2), "excluding": Excluding(2, 2),
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
