// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// A watch with a prompt reader does not expire when other objects change for longer than
// the history lasts.
func TestAWatchWithoutChangesDoesNotExpire(t *testing.T) {
	t.Parallel()
	options := engine.DefaultOptions()
	options.History.Revisions = 20
	ctx, _, s := startWith(t, options)
	require.NoError(t, create(ctx, s, "first"))
	from, _ := present(t, s)
	w := watchFrom(ctx, t, s, "/clusters/quiet/", view.VersionAt(from).String())
	for round := range 3 {
		for i := range 30 {
			require.NoError(t, create(ctx, s, fmt.Sprintf("c%d-%d", round, i)))
		}
		own := clusterOf(fmt.Sprint("own-", round))
		own.Namespace = "quiet"
		require.NoError(t, s.Create(ctx, "/clusters/quiet/"+own.Name, own, &v1alpha1.Cluster{}, 0))
		event := <-w.ResultChan()
		require.Equal(t, watch.Added, event.Type, "%v", event.Object)
		require.Equal(t, own.Name, event.Object.(*eventObject).GetName())
	}
}
