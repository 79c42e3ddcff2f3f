// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/flakyproxy"
)

// etcd does not answer the read with which each of these writes begins, so none gets as
// far as a transaction.
func TestAWriteThatEtcdDoesNotAnswerCountsAsFailed(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	proxy := flakyproxy.Start(t, server.Address())
	client := server.Dial(t, "http://"+proxy.Address)
	activity := new(Activity)
	s := clusters(ctx, t, client, client, etcdtest.NewKeys("")).CountIn(activity)
	require.NoError(t, create(ctx, s, "a"))
	proxy.Stall()
	t.Cleanup(proxy.Mend)

	const key = "/clusters/ns/a"
	none := func(verb string) error {
		out := &v1alpha1.Cluster{}
		ctx := request.WithRequestInfo(ctx, &request.RequestInfo{Verb: verb, Resource: record.Clusters, IsResourceRequest: true})
		switch verb {
		case "create":
			return create(ctx, s, "b")
		case "patch":
			return s.GuaranteedUpdate(ctx, key, out, false, nil, nil, nil)
		}
		return s.Get(ctx, key, storage.GetOptions{}, out) // the registry reads before it deletes
	}
	failed := 0
	for _, verb := range []string{"create", "patch", "delete", "get"} {
		require.Error(t, none(verb), verb)
		if verb != "get" {
			failed++
		}
		require.EqualValues(t, failed, s.counters.Failed.Load(), verb)
	}
}

func TestARefusedWriteIsCountedByItsResource(t *testing.T) {
	t.Parallel()
	activity := new(Activity)
	s := NewComputed(record.Bundles, engine.New(nil, engine.DefaultOptions()), nil).CountIn(activity)
	for _, verb := range []string{"create", "get", "deletecollection", "watch"} {
		activity.NoteRefused(verb, record.Bundles)
		activity.NoteRefused(verb, "a client may send any name")
	}
	require.EqualValues(t, 2, s.counters.Refused.Load())
	for resource := range activity.All() {
		require.Equal(t, record.Bundles, resource)
	}
}
