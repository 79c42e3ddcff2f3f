// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/util/flowcontrol/request"

	"github.com/musterfleet/muster/pkg/registry/server/servertest"
)

// warming is a storage that cannot count at first.
type warming struct {
	rest.Storage
	stats storage.Stats
	err   error
}

func (w *warming) Stats(context.Context) (storage.Stats, error) { return w.stats, w.err }

func TestPriorityAndFairnessGetsCountsOnceTheyAreKnown(t *testing.T) {
	t.Parallel()
	tracker := request.NewStorageObjectCountTracker()
	clusters := &warming{Storage: servertest.NewClusters(), stats: storage.Stats{ObjectCount: 3, EstimatedAverageObjectSizeBytes: 900}}
	bundles := &warming{Storage: servertest.NewClusters(), err: errors.New("still loading")}
	storages := map[string]rest.Storage{"clusters": clusters, "clusters/status": servertest.NewClusters(), "bundles": bundles}

	require.False(t, reportCounts(t.Context(), tracker, storages), "one is not known")
	got, err := tracker.Get("clusters.fleet.cattle.io")
	require.NoError(t, err)
	require.Equal(t, clusters.stats, got)
	_, err = tracker.Get("bundles.fleet.cattle.io")
	require.Equal(t, request.ObjectCountNotFoundErr, err)

	bundles.err, bundles.stats, clusters.stats.ObjectCount = nil, storage.Stats{ObjectCount: 1, EstimatedAverageObjectSizeBytes: 5000}, 4
	require.True(t, reportCounts(t.Context(), tracker, storages))
	for resource, want := range map[string]storage.Stats{"clusters.fleet.cattle.io": clusters.stats, "bundles.fleet.cattle.io": bundles.stats} {
		got, err := tracker.Get(resource)
		require.NoError(t, err)
		require.Equal(t, want, got, resource)
	}
	_, err = tracker.Get("clusters/status.fleet.cattle.io")
	require.Error(t, err, "it cannot be listed")
}
