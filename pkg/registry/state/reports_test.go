// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// TestAnUndecodableReportIsDetectedOnArrival checks that the last report remains.
func TestAnUndecodableReportIsDetectedOnArrival(t *testing.T) {
	t.Parallel()
	for name, decodeAll := range map[string]func([]etcd.Record) Decoded{
		"decoded before":   Decode,
		"decoded by apply": func([]etcd.Record) Decoded { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, v := loadFleet(fleet(t, 1, 1, false))
			var bd *v1alpha1.BundleDeployment
			for item := range v.All(record.BundleDeployments, record.Name{}) {
				bd = item.Render().(*v1alpha1.BundleDeployment)
			}
			take := func(r etcd.Record) *v1alpha1.BundleDeployment {
				r.Revision = s.revision + 1
				records := []etcd.Record{r}
				s.Apply(etcd.Batch{Revision: r.Revision, Records: records}, decodeAll(records))
				return s.Next().Get(record.BundleDeployments, nameOf(bd)).Render().(*v1alpha1.BundleDeployment)
			}
			good := reportRecord(t, bd, 1, true, 0)
			shown := take(good)
			require.True(t, shown.Status.Ready)
			bad := good
			bad.Value = bytes.Clone(good.Value[:len(good.Value)-3])
			require.Equal(t, shown.Status, take(bad).Status)
			require.Equal(t, 1, s.undecodable.Len())
			require.Empty(t, s.hidden.byName, "what is shown is in no table")
			gone := good
			gone.Value = nil
			require.Empty(t, take(gone).Status.Conditions)
			require.Zero(t, s.undecodable.Len())
			require.Empty(t, s.hidden.byName)
		})
	}
}

// TestALoadFreesTheMemoryOfShownReports checks that only the reports remain that no
// BundleDeployment shows.
func TestALoadFreesTheMemoryOfShownReports(t *testing.T) {
	t.Parallel()
	batch := reportedFleet(t, 20, 100, 3)
	unused := batch.Records[len(batch.Records)-1]
	unused.Key.Name.Name = "gone"
	batch.Records = append(batch.Records, unused)
	s, _ := loadFleet(batch)
	require.Len(t, s.hidden.byName, 1)
	require.Equal(t, 1, s.hidden.most)
}
