// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestRecordsThatDecideNothingAreUnused(t *testing.T) {
	t.Parallel()
	here, gone := record.Name{Namespace: "fleet", Name: "app"}, record.Name{Namespace: "fleet", Name: "gone"}
	b := bundleOf("app", where("env", "prod"))
	targeted, untargeted := clusterOf("targeted", map[string]string{"env": "prod"}), clusterOf("untargeted", nil)
	at := func(c *v1alpha1.Cluster) record.Name {
		return record.Name{Namespace: names.ClusterNamespace(c.Namespace, c.Name), Name: "app"}
	}
	batch := etcd.Batch{Revision: 7}
	put := func(key record.Key, value any) {
		data, ok := value.([]byte)
		if !ok {
			var err error
			data, err = json.Marshal(value)
			require.NoError(t, err)
		}
		batch.Records = append(batch.Records, etcd.Record{Key: key, Value: data, Revision: 7})
	}
	for _, object := range []record.APIObject{b, targeted, untargeted} {
		batch.Records = append(batch.Records, encoded(t, object, 7))
	}
	reportOf := func(c *v1alpha1.Cluster) []byte {
		data, err := (&record.Report{UID: derive.IdentityUID(b.UID, c.UID), Status: &v1alpha1.BundleDeployment{}}).Encode()
		require.NoError(t, err)
		return data
	}
	promotionOf := func(c *v1alpha1.Cluster) []byte {
		data, err := (&record.Promotion{UID: derive.IdentityUID(b.UID, c.UID)}).Encode()
		require.NoError(t, err)
		return data
	}

	put(record.ReportKey(record.BundleDeployments, at(targeted)), reportOf(targeted))
	put(record.PromotionKey(at(targeted)), promotionOf(targeted))
	put(record.RolloutKey(here), record.Rollout{UID: b.UID})
	put(record.RolloutGuardKey(here), struct{}{})
	put(record.BundlePinKey(here), record.BundlePin{UID: b.UID, Generation: b.Generation})
	put(record.ClusterPinsKey(record.Name{Namespace: "fleet", Name: "targeted"}), record.ClusterPins{})
	put(record.TargetingGuardKey(), struct{}{})
	put(record.VersionsGuardKey(), struct{}{})
	put(record.RolloutKey(record.Name{Namespace: "fleet", Name: "bad"}), []byte("{"))

	var want []string
	unused := func(key record.Key, value any) {
		put(key, value)
		want = append(want, key.Path())
	}
	unused(record.ReportKey(record.BundleDeployments, at(untargeted)), reportOf(untargeted))
	unused(record.PromotionKey(at(untargeted)), promotionOf(untargeted))
	unused(record.ReportKey(record.BundleDeployments, record.Name{Namespace: "nowhere", Name: "app"}), reportOf(targeted))
	unused(record.RolloutKey(gone), record.Rollout{UID: "uid"})
	unused(record.RolloutGuardKey(gone), struct{}{})
	unused(record.BundlePinKey(gone), record.BundlePin{UID: "uid", Generation: 1})
	unused(record.ClusterPinsKey(gone), record.ClusterPins{})

	s := New(testLimits, nil, nil)
	s.apply(batch)
	var got []string
	for _, u := range s.Unused(s.MaybeUnused()) {
		require.EqualValues(t, 7, u.Revision)
		got = append(got, u.Key.Path())
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got)
}
