// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// An agent names no resourceVersion, so its report cannot conflict. client-go repeats a
// request whose answer has a Retry-After, and the agent does not notice.
func TestAWriteThatIsAlwaysOvertakenGetsRetryAfterAndNoConflict(t *testing.T) {
	t.Parallel()
	ctx, server, edits := start(t)
	require.NoError(t, create(ctx, edits, "c"))
	for name, store := range map[string]*Store{"an edit": edits, "a report": NewReports(record.Clusters, edits.engine, edits.log)} {
		overtaken, attempts := true, 0
		write := func() error {
			return update(ctx, store, "c", func(c *v1alpha1.Cluster) {
				attempts++
				if overtaken {
					// The same bytes at another revision: both kinds of write are guarded by it.
					key := "/muster/log/" + record.ObjectKey(record.Clusters, record.Name{Namespace: "ns", Name: "c"}).Path()
					have, err := server.Client.Get(ctx, key)
					require.NoError(t, err)
					require.Len(t, have.Kvs, 1)
					_, err = server.Client.Put(ctx, key, string(have.Kvs[0].Value))
					require.NoError(t, err)
				}
				c.Labels, c.Status.Agent.Namespace = map[string]string{"written": "true"}, "written"
			})
		}
		code, after, message := status(t, write())
		require.EqualValues(t, 429, code, name)
		require.EqualValues(t, 1, after, name)
		require.Contains(t, message, `clusters "c" was not written`, name)
		require.Equal(t, maxAttempts, attempts, name)
		overtaken = false
		require.NoError(t, write(), name)
	}
}
