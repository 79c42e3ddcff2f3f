// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestOnlyObjectsWithoutALiveOwnerAreWithdrawn(t *testing.T) {
	t.Parallel()
	owner := Owner{record.Clusters, record.Name{Namespace: "ns", Name: "c"}}
	account := func(name, uid string) *metav1.PartialObjectMetadata {
		meta := Meta("n", name, "clusters/ns/c/"+uid)
		meta.UID = types.UID("uid-of-" + name)
		return &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: meta}
	}
	all := []*metav1.PartialObjectMetadata{account("old", "1"), account("new", "2"), account("lost", "0"), account("forged", "1")}
	var have []runtime.Object
	var objects []Object
	for _, m := range all {
		have, objects = append(have, m), append(objects, Object{ServiceAccounts, m})
	}
	client := controllertest.Metadata(t, have...)
	later := 0
	k := New(Options{
		Metadata: client, Grace: time.Hour,
		Belongs: func(object Object, _ Owner, _ types.UID) bool { return object.Name != "forged" },
		Later: func(o Owner, rest time.Duration) {
			require.Equal(t, owner, o)
			require.Positive(t, rest)
			later++
		},
	})
	k.Saw(owner, "1")
	for range 2 {
		require.NoError(t, k.Withdraw(t.Context(), owner, objects, "2"))
	}
	left, err := client.Resource(ServiceAccounts).Namespace("n").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var names []string
	for _, object := range left.Items {
		names = append(names, object.Name)
	}
	require.ElementsMatch(t, []string{"new", "lost", "forged"}, names)
	require.Equal(t, 2, later, "an owner that was not seen to go may come back")
	require.False(t, k.evidence.sayOnce("uid-of-forged"), "it was logged")
}
