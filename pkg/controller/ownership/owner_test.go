// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/registry/record"
)

func TestOnlyACompleteMarkNamesAnOwner(t *testing.T) {
	t.Parallel()
	managed := map[string]string{"fleet.cattle.io/managed": "true"}
	for _, c := range []struct {
		name   string
		object metav1.ObjectMeta
		owner  Owner
		uid    types.UID
		ok     bool
	}{
		{"a cluster namespace that Fleet made", metav1.ObjectMeta{Labels: managed, Annotations: map[string]string{"fleet.cattle.io/cluster-namespace": "ns", "fleet.cattle.io/cluster": "c"}}, Owner{Resource: record.Clusters, Name: record.Name{Namespace: "ns", Name: "c"}}, "", true},
		{"an agent's account that Fleet made", metav1.ObjectMeta{Namespace: "n", Labels: managed, Annotations: map[string]string{"fleet.cattle.io/cluster": "c", "fleet.cattle.io/cluster-registration": "r", "fleet.cattle.io/cluster-registration-namespace": "ns"}}, Owner{Resource: Registrations, Name: record.Name{Namespace: "ns", Name: "r"}}, "", true},
		{"an object of this package", Meta("n", "a", "clusters/ns/c/1"), Owner{Resource: record.Clusters, Name: record.Name{Namespace: "ns", Name: "c"}}, "1", true},
		{"not marked as managed", metav1.ObjectMeta{Annotations: map[string]string{"fleet.cattle.io/cluster-namespace": "ns", "fleet.cattle.io/cluster": "c"}}, Owner{}, "", false},
		{"managed is not true", metav1.ObjectMeta{Labels: map[string]string{"fleet.cattle.io/managed": "no"}, Annotations: map[string]string{Annotation: "clusters/a/b/c"}}, Owner{}, "", false},
		{"half of the annotations", metav1.ObjectMeta{Labels: managed, Annotations: map[string]string{"fleet.cattle.io/cluster": "c"}}, Owner{}, "", false},
		{"a Secret of a BundleDeployment", metav1.ObjectMeta{Namespace: "n", Labels: managed, Annotations: map[string]string{"fleet.cattle.io/cluster-namespace": "ns", "fleet.cattle.io/cluster": "c"}}, Owner{}, "", false},
		{"a mark that is not ours", metav1.ObjectMeta{Labels: managed, Annotations: map[string]string{Annotation: "me"}}, Owner{}, "", false},
		{"managed, and nothing else", metav1.ObjectMeta{Labels: managed}, Owner{}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, uid, ok := Of(&c.object)
			require.Equal(t, c.ok, ok)
			if !ok {
				return
			}
			require.Equal(t, c.owner, got)
			require.Equal(t, c.uid, uid)
			kept, err := (&Keeper{}).essence(c.object.DeepCopy())
			require.NoError(t, err)
			got, uid, ok = Of(kept.(metav1.Object))
			require.True(t, ok)
			require.Equal(t, c.owner, got, "the cache says the same")
			require.Equal(t, c.uid, uid)
		})
	}
}
