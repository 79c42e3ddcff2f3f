// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// An agent names no resourceVersion, so its report cannot conflict. client-go repeats a
// request whose answer has a Retry-After, and the agent does not notice.
func TestAWriteThatIsOvertakenAllTheTimeIsNoConflictAndSaysWhenToTryAgain(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	edits := clusters(ctx, t, server.Client, server.Client, etcdtest.NewKeys(""))
	require.NoError(t, create(ctx, edits, "c"))
	for name, store := range map[string]*Store{"an edit": edits, "a report": NewReports(record.Clusters, edits.engine, edits.log)} {
		overtaken, attempts := true, 0
		write := func() error {
			return store.GuaranteedUpdate(ctx, "/clusters/ns/c", &v1alpha1.Cluster{}, false, nil, func(in runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
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
				out := in.(*v1alpha1.Cluster)
				out.Labels, out.Status.Agent.Namespace = map[string]string{"written": "true"}, "written"
				return out, nil, nil
			}, nil)
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
